"""A read-only view of the pods for `crictl`, on the socket where containerd would listen."""

from __future__ import annotations

import json
import os
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .kubelet import Kubelet

SOCKET = "/run/containerd/containerd.sock"


def serve(kubelet: Kubelet) -> None:
    """One JSON document a connection: {"containers": [...], "waiting": {...}}."""
    os.makedirs(os.path.dirname(SOCKET), exist_ok=True)
    if os.path.lexists(SOCKET):
        os.unlink(SOCKET)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(SOCKET)
    listener.listen(8)
    while True:
        connection, _ = listener.accept()
        with connection:
            try:
                connection.settimeout(2)
                connection.sendall(json.dumps({"containers": kubelet.records()}).encode())
            except OSError:
                pass
