"""Names of users, as the node itself knows them."""

from __future__ import annotations

from contextlib import suppress

from cka_lab.api import NodeView, Unreadable


def user_name(node: NodeView, uid: int) -> str:
    """The name of a uid by the node's /etc/passwd, else its number."""
    with suppress(OSError, Unreadable):
        for line in node.read("/etc/passwd", 1 << 20).decode(errors="replace").splitlines():
            fields = line.split(":")
            if len(fields) > 2 and fields[2] == str(uid):
                return fields[0]
    return str(uid)
