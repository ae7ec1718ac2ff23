"""Faults and set-up steps on files of a node."""

from __future__ import annotations

import time
from collections.abc import Mapping

from cka_lab.api import LabFailure, LabPath, LabWriter, PackPath, fault


@fault("write_file")
def write_file(
    lab: LabWriter,
    *,
    path: LabPath,
    content: str | None = None,
    from_file: PackPath | None = None,
    mode: int = 0o644,
    mtime: float | None = None,
    node: str | None = None,
) -> None:
    """Write ``content``, or a file of the scenario's folder. A negative ``mtime`` is that many seconds ago."""
    if (content is None) == (from_file is None):
        raise LabFailure("write_file: it takes either content or from_file")
    data = lab.pack_file(from_file) if from_file is not None else (content or "").encode()
    when = time.time() + mtime if mtime is not None and mtime < 0 else mtime
    lab.node(node).write(path, data, mode, when)


@fault("edit_file")
def edit_file(lab: LabWriter, *, path: LabPath, replace: Mapping[str, str], node: str | None = None) -> None:
    """Replace each text by another, everywhere in the file; every one of them must be there."""
    place = lab.node(node)
    text = place.read(path).decode()
    for old, new in replace.items():
        if old not in text:
            raise LabFailure(f"edit_file: {path} does not hold {old!r}")
        text = text.replace(old, new)
    info = place.stat(path)
    place.write(path, text.encode(), info.mode if info else 0o644)


@fault("move_file")
def move_file(lab: LabWriter, *, path: LabPath, to: LabPath | None = None, node: str | None = None) -> None:
    """Move a file or folder; without ``to`` it is removed."""
    place = lab.node(node)
    if place.stat(path) is None:
        raise LabFailure(f"move_file: there is no {path}")
    if to is None:
        place.remove(path)
    else:
        place.run(["mv", "-T", "--", path, to])
