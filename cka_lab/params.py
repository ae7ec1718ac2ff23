"""Check the params that YAML gives a grader or fault against the function's own signature."""

from __future__ import annotations

import difflib
import inspect
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Literal, Union

from cka_lab.api import ParamKind

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Param:
    """One keyword param: its type without the kinds, whether it must be given."""

    name: str
    hint: Any
    required: bool


@lru_cache(maxsize=500)
def signature(function: Callable[..., Any]) -> dict[str, Param]:
    """The keyword-only params of a grader or fault. TypeError for a function that isn't written like one."""
    hints = typing.get_type_hints(function, include_extras=True)
    found = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            clean = name.rstrip("_")
            found[clean] = Param(name, hints.get(name, Any), parameter.default is inspect.Parameter.empty)
    return found


@dataclass(frozen=True, slots=True)
class Wrong:
    """A param that is wrong, at a path below `with`; ``key``: the key itself is."""

    path: Path
    text: str
    key: bool = False


def check(function: Callable[..., Any], given: Mapping[str, Any]) -> Iterator[Wrong]:
    """Everything wrong with the params, as to names and types."""
    known = signature(function)
    for name in given:
        if name not in known:
            yield Wrong((name,), f"no param `{name}`; {allowed(name, known)}", key=True)
    for name, param in known.items():
        if name not in given:
            if param.required:
                yield Wrong((), f"the param `{name}` is missing")
            continue
        yield from _fits(param.hint, given[name], (name,))


def bind(function: Callable[..., Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The params as the function takes them: YAML's `from` is its ``from_``."""
    known = signature(function)
    return {known[name].name if name in known else name: value for name, value in given.items()}


def kinds(function: Callable[..., Any], given: Mapping[str, Any]) -> Iterator[tuple[str, Path, Any]]:
    """Every value whose meaning the loader checks: its kind, its path, itself."""
    for name, param in signature(function).items():
        if name in given:
            yield from _kinds(param.hint, given[name], (name,))


def allowed(word: str, known: Iterable[str]) -> str:
    """“allowed: a, b; did you mean a?”"""
    names = sorted(known)
    near = difflib.get_close_matches(word, names, 1)
    text = f"allowed: {', '.join(names)}" if names else "none is allowed"
    return f"{text}; did you mean `{near[0]}`?" if near else text


def _fits(hint: Any, value: Any, path: Path) -> Iterator[Wrong]:
    """What is wrong with ``value`` as a ``hint``."""
    hint = bare(hint)
    origin, arguments = typing.get_origin(hint) or hint, typing.get_args(hint)
    if hint is Any:
        return
    if origin in (Union, types.UnionType):
        yield from _fits_one(hint, value, path)
    elif origin is Literal:
        if not any(value == option and type(value) is type(option) for option in arguments):
            yield Wrong(path, f"`{value}` is not possible; {allowed(str(value), map(str, arguments))}")
    elif origin in LISTS and isinstance(value, (tuple, list)):
        for index, item in enumerate(value if arguments else ()):
            yield from _fits(arguments[0], item, (*path, index))
    elif origin in MAPPINGS and isinstance(value, dict):
        for key, item in (value if arguments else {}).items():
            yield from _fits(arguments[1], item, (*path, key))
    elif origin in LISTS or origin in MAPPINGS or not _is(value, hint):
        yield _wrong(hint, value, path)


def _fits_one(union: Any, value: Any, path: Path) -> Iterator[Wrong]:
    """Nothing where one of the options fits; else what is wrong with the one that fits best."""
    tries = [list(_fits(option, value, path)) for option in typing.get_args(union)]
    if all(tries):
        deepest = max(tries, key=lambda wrongs: max(len(wrong.path) for wrong in wrongs))
        yield from deepest if len(deepest[0].path) > len(path) else [_wrong(union, value, path)]


def _is(value: Any, hint: Any) -> bool:
    if hint is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if hint is None or hint is type(None):
        return value is None
    return isinstance(hint, type) and isinstance(value, hint)


def _wrong(hint: Any, value: Any, path: Path) -> Wrong:
    text = f"must be {name_of(hint)}, not {name_of(type(value))}"
    wants_text = str in (bare(hint), *map(bare, typing.get_args(bare(hint))))
    return Wrong(path, f"{text}; quote it" if wants_text and not isinstance(value, (dict, tuple)) else text)


def name_of(hint: Any) -> str:
    """A type in plain words."""
    hint = bare(hint)
    if typing.get_origin(hint) in (Union, types.UnionType):
        return " or ".join(name_of(option) for option in typing.get_args(hint) if option is not type(None))
    if typing.get_origin(hint) is Literal:
        return " or ".join(map(str, typing.get_args(hint)))
    base = typing.get_origin(hint) or hint
    return WORDS.get(base, getattr(base, "__name__", str(base)))


def bare(hint: Any) -> Any:
    """A type without its Annotated marks."""
    while typing.get_origin(hint) is Annotated:
        hint = typing.get_args(hint)[0]
    return hint


def _kinds(hint: Any, value: Any, path: Path) -> Iterator[tuple[str, Path, Any]]:
    if typing.get_origin(hint) is Annotated:
        for extra in typing.get_args(hint)[1:]:
            if isinstance(extra, ParamKind):
                yield extra.kind, path, value
    elif typing.get_origin(hint) in (Union, types.UnionType):
        for option in typing.get_args(hint):
            yield from _kinds(option, value, path)
    elif typing.get_origin(hint) in LISTS and isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from _kinds(typing.get_args(hint)[0], item, (*path, index))


LISTS = (list, tuple, Sequence)
MAPPINGS = (dict, Mapping)
WORDS: dict[Any, str] = {
    Sequence: "a list",
    Mapping: "a mapping",
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list",
    tuple: "a list",
    dict: "a mapping",
    type(None): "nothing",
}
