"""YAML with places: plain data plus the line and column of every key and value. A strict subset of YAML.

Refused, with their place: duplicate keys, anchors and aliases (and with them YAML bombs), tags, merge keys, several
documents, nesting deeper than DEPTH.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

try:
    from yaml import CSafeLoader as Loader
except ImportError:  # PyYAML without libyaml: the same, ten times slower
    from yaml import SafeLoader as Loader  # type: ignore[assignment]

DEPTH = 30
Path = tuple[str | int, ...]
Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something wrong at a line and column, both counted from 1."""

    line: int
    column: int
    text: str


@dataclass(slots=True)
class Tree:
    """``data``: dicts, tuples and scalars. ``values``, ``keys``: where a path's value, or its key, stands.

    ``raw``: how a scalar that is no string is written.
    """

    data: Any = None
    values: dict[Path, Place] = field(default_factory=dict)
    keys: dict[Path, Place] = field(default_factory=dict)
    raw: dict[Path, str] = field(default_factory=dict)
    troubles: list[Trouble] = field(default_factory=list)

    def place(self, path: Path, *, key: bool = False) -> Place:
        """Where a path stands; where there is no such path, its nearest parent."""
        if key and path in self.keys:
            return self.keys[path]
        while path not in self.values and path:
            path = path[:-1]
        return self.values.get(path, (1, 1))


class _Refused(Exception):
    """The rest of the text can't be read."""


def parse(text: str) -> Tree:
    """Read one document. Whatever is wrong stands in ``troubles``; never raises."""
    tree = Tree()
    try:
        _Builder(tree, yaml.parse(text, Loader=Loader)).document()
    except _Refused:
        pass
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        tree.troubles.append(Trouble(line, column, _plain(error, text, line)))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        tree.troubles.append(Trouble(1, 1, f"not YAML: {' '.join(str(error).split())[:200]}"))
    return tree


class _Builder:
    def __init__(self, tree: Tree, events: Iterator[yaml.Event]) -> None:
        self.tree, self.events = tree, events
        self.resolver: Any = yaml.SafeLoader("")

    def next(self) -> Any:
        return next(self.events)

    def document(self) -> None:
        next(self.events)
        first = next(self.events)
        if isinstance(first, yaml.StreamEndEvent):
            self.refuse(first, "the file is empty")
        self.tree.data = self.value(next(self.events), ())
        next(self.events)
        more = next(self.events)
        if not isinstance(more, yaml.StreamEndEvent):
            self.refuse(more, "a second document begins here; one file holds one document")

    def value(self, event: Any, path: Path) -> Any:
        self.tree.values[path] = self.place(event)
        if isinstance(event, yaml.AliasEvent):
            self.trouble(event, f"aliases (*{event.anchor}) are not allowed; write the value out")
            return None
        if getattr(event, "anchor", None):
            self.trouble(event, f"anchors (&{event.anchor}) are not allowed; write the value out where it is needed")
        if getattr(event, "tag", None) not in (None, "!"):
            self.trouble(event, f"tags ({event.tag}) are not allowed")
        if len(path) > DEPTH:
            self.refuse(event, f"nested deeper than {DEPTH} levels")
        if isinstance(event, yaml.MappingStartEvent):
            return self.mapping(path)
        if isinstance(event, yaml.SequenceStartEvent):
            return self.sequence(path)
        return self.scalar(event, path)

    def mapping(self, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while not isinstance(event := self.next(), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                self.refuse(event, "a key must be a plain word")
            key = str(event.value)
            if key == "<<":
                self.refuse(event, "merge keys (<<) are not allowed; write the fields out")
            below = (*path, key)
            if key in found:
                first = self.tree.keys[below][0]
                self.trouble(event, f"the key `{key}` stands here a second time; the first is in line {first}")
            else:
                self.tree.keys[below] = self.place(event)
            found[key] = self.value(next(self.events), below)
        return found

    def sequence(self, path: Path) -> tuple[Any, ...]:
        found: list[Any] = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            found.append(self.value(event, (*path, len(found))))
        return tuple(found)

    def scalar(self, event: Any, path: Path) -> Any:
        if not event.implicit[0]:
            return event.value
        tag = self.resolver.resolve(yaml.ScalarNode, event.value, (True, False))
        if tag == "tag:yaml.org,2002:str":
            return event.value
        self.tree.raw[path] = event.value
        node = yaml.ScalarNode(tag, event.value)
        try:
            return self.resolver.construct_object(node)
        except (ValueError, yaml.YAMLError):
            self.trouble(event, f"`{event.value}` can't be read; quote it if it is text")
            return event.value

    def place(self, event: Any) -> Place:
        return event.start_mark.line + 1, event.start_mark.column + 1

    def trouble(self, event: yaml.Event, text: str) -> None:
        self.tree.troubles.append(Trouble(*self.place(event), text))

    def refuse(self, event: yaml.Event, text: str) -> None:
        self.trouble(event, text)
        raise _Refused


def _plain(error: yaml.MarkedYAMLError, text: str, line: int) -> str:
    lines = text.splitlines()
    shown = lines[line - 1] if line <= len(lines) else ""
    if "\t" in shown[: len(shown) - len(shown.lstrip())]:
        return "a tab indents this line; use spaces"
    return f"not YAML: {error.problem or error.context}"
