"""Programs that somebody changed or removed: the node's image still has them."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Sequence

from cka_lab.providers.kind import containers
from cka_lab.providers.kind.node import KindNode

NAMES = "/run/.cka-lab/changed-names"
"""On the node, by restore.sh: what lay in each folder that was changed before the state was saved."""
ORIGINALS = "/run/.cka-lab.originals"
"""On the node, for save.sh: what was brought back, with the time of its last change; it need not be saved."""
NOTE = f"""[ $# = 0 ] || find "$@" -printf '%C@ %y %p\\n' >>{ORIGINALS}; date +%s.%N"""


def put_back(node: KindNode, image: str, folders: Sequence[str]) -> str:
    """Bring what these folders lack, and take away what they did not have; the node's time afterwards."""
    name = f"{node.container}-originals-{os.urandom(2).hex()}"
    containers.start(name, image, network_mode="none")
    try:
        brought = _compare(node, KindNode(name), folders)
    finally:
        containers.remove(name)
    return node.run(["bash", "-c", NOTE, "note", *brought]).text.strip()


def _compare(node: KindNode, original: KindNode, folders: Sequence[str]) -> list[str]:
    """The paths that were brought."""
    brought = []
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
            path = posixpath.join(folder, name)
            containers.copy(original.container, node.container, path)
            brought.append(path)
    return brought
