"""One scenario folder -> a Scenario, or every error at once as ``path:line:column: what is wrong, what is allowed``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from cka_lab import yamltree
from cka_lab.errors import ScenarioErrors
from cka_lab.meaning import Meaning
from cka_lab.params import allowed
from cka_lab.plugins import Registry
from cka_lab.schema import Scenario, ScenarioFile, fields_at

FILE = "scenario.yaml"
LARGEST = 256 << 10
"""Bytes of a scenario.yaml."""


def load(folder: Path, registry: Registry, pack: str) -> Scenario:
    """The scenario in ``folder``. Raises ScenarioErrors, and nothing else, with all errors in the order of lines."""
    path = folder / FILE
    shown = _shown(path)
    text = _read(path, shown)
    tree = yamltree.parse(text)
    troubles = list(tree.troubles)
    file = None
    if tree.data is not None or not troubles:
        file, wrong = _validate(tree)
        if isinstance(tree.data, dict):
            wrong += Meaning(tree, folder, registry).troubles()
        told = {(t.line, t.column) for t in troubles}
        troubles += [t for t in wrong if (t.line, t.column) not in told]
    if troubles or file is None:
        ordered = sorted({(t.line, t.column, t.text) for t in troubles})
        raise ScenarioErrors([f"{shown}:{line}:{column}: {text}" for line, column, text in ordered])
    return Scenario(file, folder, pack)


def _read(path: Path, shown: str) -> str:
    try:
        if not path.is_file():
            what = "is not a file" if path.exists() else "is missing; a scenario is a folder with this file"
            raise ScenarioErrors([f"{shown}:1:1: {FILE} {what}"])
        if (size := path.stat().st_size) > LARGEST:
            raise ScenarioErrors([f"{shown}:1:1: {size} bytes; at most {LARGEST} are allowed"])
        data = path.read_bytes()
    except OSError as error:
        raise ScenarioErrors([f"{shown}:1:1: can't be read: {error.strerror}"]) from error
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        column = error.start - (data.rfind(b"\n", 0, error.start) + 1) + 1
        raise ScenarioErrors([f"{shown}:{line}:{column}: not UTF-8; save the file as UTF-8"]) from error


def _shown(path: Path) -> str:
    """Relative where it lies below the current folder."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except (ValueError, OSError):
        return os.fspath(path)


def _validate(tree: yamltree.Tree) -> tuple[ScenarioFile | None, list[yamltree.Trouble]]:
    try:
        return ScenarioFile.model_validate(tree.data), []
    except ValidationError as error:
        wrongs: list[dict[str, Any]] = [dict(wrong) for wrong in error.errors(include_url=False)]
        places = [tuple(wrong["loc"]) for wrong in wrongs]
        return None, [_trouble(tree, wrong) for wrong in wrongs if not _follows(wrong, places)]


def _follows(wrong: dict[str, Any], places: list[yamltree.Path]) -> bool:
    """A list counts as too short when its items are wrong: those are told already."""
    path = tuple(wrong["loc"])
    return wrong["type"] == "too_short" and any(len(p) > len(path) and p[: len(path)] == path for p in places)


def _trouble(tree: yamltree.Tree, wrong: dict[str, Any]) -> yamltree.Trouble:
    """pydantic's error at its place and in plain words."""
    path = tuple(wrong["loc"])
    kind = wrong["type"]
    line, column = tree.place(path, key=kind == "extra_forbidden")
    return yamltree.Trouble(line, column, _words(tree, path, kind, wrong))


def _words(tree: yamltree.Tree, path: yamltree.Path, kind: str, wrong: dict[str, Any]) -> str:
    name = str(path[-1]) if path else "scenario.yaml"
    context = wrong.get("ctx") or {}
    if kind == "missing":
        return f"`{name}` is missing"
    if kind == "extra_forbidden":
        return f"no field `{name}`; {allowed(name, fields_at(path[:-1]))}"
    if kind in ("string_type", "string_sub_type"):
        raw = tree.raw.get(path)
        return f'`{name}` must be text; quote it: "{raw}"' if raw is not None else f"`{name}` must be text"
    if kind == "literal_error":
        options = [option.strip("' ") for option in str(context.get("expected", "")).replace(" or ", ", ").split(",")]
        return f"`{name}` can't be {wrong['input']!r}; {allowed(str(wrong['input']), options)}"
    if kind == "string_pattern_mismatch":
        return f"`{name}` must be " + ("one line" if "\\n" in context["pattern"] else "lower case words joined by -")
    if kind in PLAIN:
        return f"`{name}` {PLAIN[kind]}"
    return f"`{name}`: {wrong['msg'].removeprefix('Value error, ')}"


PLAIN = {
    "int_type": "must be a whole number",
    "bool_type": "must be true or false",
    "tuple_type": "must be a list",
    "dict_type": "must be a mapping",
    "model_type": "must be a mapping",
    "model_attributes_type": "must be a mapping",
    "too_short": "must not be empty",
    "string_too_short": "must not be empty",
}
