"""Programs that somebody changed or removed: the node's image still has them, and etcd's tools we have."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Sequence
from pathlib import Path

from cka_lab.errors import LabGone
from cka_lab.providers.kind import containers
from cka_lab.providers.kind.engine import engine, ours
from cka_lab.providers.kind.node import KindNode

TOOLS = "/usr/local/bin"
NAMES = "/run/.cka-lab/changed-names"
"""On the node, by restore.sh: what lay in each folder that was changed before the state was saved."""


def put_back(node: KindNode, image: str, tools: Path, folders: Sequence[str]) -> str:
    """Bring what these folders lack, and take away what they did not have; the node's time afterwards.

    ``tools``: a folder of the host with what we put into TOOLS ourselves.
    """
    name = f"{node.container}-originals-{os.urandom(2).hex()}"
    containers.start(name, image, network_mode="none")
    try:
        _compare(node, KindNode(name), tools, folders)
    finally:
        containers.remove(name)
    return node.run(["date", "+%s.%N"]).text.strip()


def _compare(node: KindNode, original: KindNode, tools: Path, folders: Sequence[str]) -> None:
    recorded: dict[str, set[str]] = {}
    for path in node.read(NAMES).decode(errors="surrogateescape").splitlines():
        folder, name = posixpath.split(path)
        recorded.setdefault(folder, set()).add(name)
    for folder in folders:
        here = set(node.list(folder))
        names = recorded[folder] if folder in recorded else set(original.list(folder))
        for name in here - names:
            node.remove(posixpath.join(folder, name))
        for name in names - here:
            if folder == TOOLS and (tools / name).is_file():
                node.put({f"{TOOLS}/{name}": ((tools / name).read_bytes(), 0o755)})
            else:
                _bring(original.container, node.container, folder, name)


def _bring(source: str, target: str, folder: str, name: str) -> None:
    """Copy a file or folder from one container to another; nothing where the first does not have it."""
    path = posixpath.join(folder, name)
    try:
        with ours(path):
            packed, _ = engine().api.get_archive(source, path)
    except LabGone:
        return
    with ours(target):
        engine().api.put_archive(target, folder, packed)
