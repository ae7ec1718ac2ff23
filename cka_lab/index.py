"""What a list of scenarios shows, remembered between runs: reading 500 files anew would take seconds.

A pack's index is good as long as none of its files, nor the code that reads them, has another size or time.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cka_lab import __version__, paths

if TYPE_CHECKING:
    from cka_lab.schema import Scenario

CODE = Path(__file__).parent
READERS = ("schema.py", "loader.py", "meaning.py", "params.py", "yamltree.py", "api.py", "injectors")


@dataclass(frozen=True, slots=True)
class Summary:
    """A scenario without its tasks."""

    id: str
    pack: str
    title: str
    domain: str
    topics: tuple[str, ...]
    difficulty: int
    minutes: int
    weight: int
    providers: tuple[str, ...]
    requires: tuple[str, ...]

    @classmethod
    def of(cls, scenario: Scenario) -> Summary:
        return cls(**{name: getattr(scenario, name) for name in cls.__slots__})


def fingerprint(pack: Path) -> str:
    """Changes when any file that matters does. Costs a stat a file."""
    digest = hashlib.sha256(__version__.encode())
    for path in (pack / "scenarios", pack / "graders", CODE.parent / "graders", *(CODE / name for name in READERS)):
        for line in _stats(path):
            digest.update(line.encode(errors="surrogateescape"))
    return digest.hexdigest()


def recall(pack: Path, mark: str) -> tuple[list[Summary], list[tuple[str, str]]] | None:
    """The summaries and problems kept for a pack with this fingerprint, or None."""
    try:
        data: dict[str, Any] = json.loads(_file(pack).read_text())
        if data["fingerprint"] != mark:
            return None
        lists = ("topics", "providers", "requires")
        summaries = [Summary(**s | {name: tuple(s[name]) for name in lists}) for s in data["summaries"]]
        return summaries, [(where, text) for where, text in data["problems"]]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def remember(pack: Path, mark: str, summaries: list[Summary], problems: list[tuple[str, str]]) -> None:
    """Keep them for the next time; a folder that can't be written costs the time only."""
    file = _file(pack)
    try:
        paths.make_private(file.parent)
        draft = file.with_suffix(f".{os.getpid()}")
        data = {"fingerprint": mark, "summaries": [asdict(s) for s in summaries], "problems": problems}
        draft.write_text(json.dumps(data))
        draft.rename(file)
    except OSError:
        return


def _file(pack: Path) -> Path:
    return paths.cache() / f"index-{hashlib.sha256(os.fsencode(pack)).hexdigest()[:16]}.json"


def _stats(path: Path) -> Iterator[str]:
    try:
        if path.is_file():
            yield f"{path}:{path.stat().st_size}:{path.stat().st_mtime_ns};"
            return
        with os.scandir(path) as entries:
            ordered = sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return
    for entry in ordered:
        if entry.is_dir():
            if entry.name != "__pycache__":
                yield from _stats(Path(entry.path))
        elif entry.is_file():
            info = entry.stat()
            yield f"{entry.path}:{info.st_size}:{info.st_mtime_ns};"
        else:
            yield f"{entry.path}:?;"
