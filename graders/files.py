"""Files inside the lab."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

from cka_lab.api import FileInfo, LabFailure, LabPath, LabView, Mark, MarkName, Mismatch, NodeView, Unreadable, grader

LARGEST = 256 << 20
TEXT = 4 << 20
MOST_FILES = 2000


@grader("file")
def file(
    lab: LabView,
    *,
    path: LabPath,
    exists: bool = True,
    mode: str | int | None = None,
    contains: Sequence[str] = (),
    lacks: Sequence[str] = (),
    same: MarkName | None = None,
    tree_equals: LabPath | None = None,
    node: str | None = None,
) -> Mismatch | None:
    """Something lies at ``path`` (or, with ``exists: false``, nothing); a dangling link is nothing. ``mode`` in octal;
    ``contains`` and ``lacks`` are texts; ``same``: the bytes are those of a recorded mark (SHA-256), whatever the times
    say; ``tree_equals``: a folder with the same names and bytes below it.

    Evidence is read inside the lab. FIFOs, folders and huge files where a file is asked fail, and don't block.
    """
    place = lab.node(node)
    try:
        info = place.stat(path)
        if not exists:
            return Mismatch(f"{path} must not be there", "nothing", f"a {info.kind}") if info else None
        if info is None:
            return Mismatch(f"{path} does not exist", "it exists", "nothing")
        if mode is not None and (mismatch := _wrong_mode(path, info, mode)):
            return mismatch
        if tree_equals:
            return _tree_differs(place, path, tree_equals)
        if same and (mismatch := _changed(place, path, info, lab.marks[same])):
            return mismatch
        return _wrong_text(place, path, info, contains, lacks) if contains or lacks else None
    except (FileNotFoundError, Unreadable) as error:
        return Mismatch(f"{path} can't be read", "a readable file", str(error))


def _wrong_mode(path: str, info: FileInfo, mode: str | int) -> Mismatch | None:
    wanted = mode if isinstance(mode, int) else int(mode, 8)
    if info.mode == wanted:
        return None
    return Mismatch(f"the mode of {path} is wrong", f"{wanted:04o}", f"{info.mode:04o}")


def _changed(node: NodeView, path: str, info: FileInfo, mark: Mark) -> Mismatch | None:
    if "sha256" not in mark.facts:
        raise LabFailure(f"the mark {mark.name} has no sha256")
    if info.kind == "file" and info.size <= LARGEST:
        if hashlib.sha256(node.read(path, LARGEST)).hexdigest() == mark.facts["sha256"]:
            return None
        return Mismatch(f"{path} was changed", "the file as it was", "other bytes")
    return Mismatch(f"{path} was changed", "the file as it was", f"a {info.kind} of {info.size} bytes")


def _wrong_text(
    node: NodeView, path: str, info: FileInfo, contains: Sequence[str], lacks: Sequence[str]
) -> Mismatch | None:
    if info.kind != "file" or info.size > TEXT:
        return Mismatch(f"{path} is no text file", "a text file", f"a {info.kind} of {info.size} bytes")
    text = node.read(path, TEXT).decode(errors="replace")
    for wanted in contains:
        if wanted not in text:
            return Mismatch(f"{path} lacks a text", wanted, "it is not there")
    for unwanted in lacks:
        if unwanted in text:
            return Mismatch(f"{path} holds a text that must not be there", f"no {unwanted}", "it is there")
    return None


def _tree_differs(node: NodeView, path: str, other: str) -> Mismatch | None:
    ours, theirs = dict(_tree(node, path)), dict(_tree(node, other))
    message = f"{path} differs from {other}"
    if missing := sorted(theirs.keys() - ours.keys()):
        return Mismatch(message, missing[0], "missing")
    if extra := sorted(ours.keys() - theirs.keys()):
        return Mismatch(message, "nothing else", extra[0])
    if changed := [name for name in sorted(ours) if ours[name] != theirs[name]]:
        return Mismatch(message, f"the same bytes in {changed[0]}", "other bytes")
    return None


def _tree(node: NodeView, path: str) -> Iterator[tuple[str, str]]:
    """Every file below a folder: its path from there and its SHA-256. A file alone is a tree without a name."""
    todo = [""]
    count = 0
    while todo:
        name = todo.pop()
        info = node.stat(f"{path}/{name}".rstrip("/"))
        count += 1
        if count > MOST_FILES:
            raise Unreadable(f"{path} holds more than {MOST_FILES} files")
        if info and info.kind == "dir":
            todo += [f"{name}/{inner}".lstrip("/") for inner in node.list(f"{path}/{name}")]
        elif info and info.kind == "file":
            yield name, hashlib.sha256(node.read(f"{path}/{name}".rstrip("/"))).hexdigest()
        else:
            yield name, info.kind if info else "dangling"
