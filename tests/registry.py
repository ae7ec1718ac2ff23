"""A container registry of one image, as small as docker takes it, on the loopback (where docker asks no TLS)."""

from __future__ import annotations

import hashlib
import json
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

OCI = "application/vnd.oci.image"


class Registry:
    """``reference``: the image by its tag; ``pinned``: by its digest as well."""

    def __init__(self, port: int, digest: str) -> None:
        self.reference = f"127.0.0.1:{port}/cka-lab-test/tool:1"
        self.pinned = f"{self.reference}@{digest}"


def content(saved: Path) -> dict[str, bytes]:
    """What a registry would serve of the image that `docker save` wrote: its manifest as "1", everything by digest."""
    with tarfile.open(saved) as tar:
        names = json.load(tar.extractfile("manifest.json"))[0]  # type: ignore[arg-type]
        blobs = [tar.extractfile(name).read() for name in (names["Config"], *names["Layers"])]  # type: ignore[union-attr]
    kinds = [f"{OCI}.config.v1+json"] + [f"{OCI}.layer.v1.tar"] * (len(blobs) - 1)
    about = [
        {"mediaType": k, "digest": _digest(b), "size": len(b)} for k, b in zip(kinds, blobs, strict=True)
    ]  # fmt: skip
    manifest = {
        "schemaVersion": 2, "mediaType": f"{OCI}.manifest.v1+json", "config": about[0], "layers": about[1:]
    }  # fmt: skip
    text = json.dumps(manifest).encode()
    return {"1": text, _digest(text): text, **{_digest(blob): blob for blob in blobs}}


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


@contextmanager
def registry(saved: Path) -> Iterator[Registry]:
    """Serves the image in a file of `docker save` meanwhile."""
    has = content(saved)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked = self.path.rpartition("/")[2] if "/tool/" in self.path else ""
            data = b"{}" if self.path == "/v2/" else has.get(asked, b"")
            self.send_response(200 if data else 404)
            self.send_header("Content-Length", str(len(data)))
            kind = f"{OCI}.manifest.v1+json" if "/manifests/" in self.path else "application/octet-stream"
            self.send_header("Content-Type", kind)
            self.send_header("Docker-Content-Digest", _digest(data))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(data)

        do_HEAD = do_GET

        def log_message(self, *about: object) -> None:
            """Nothing is told."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield Registry(server.server_address[1], _digest(has["1"]))
    finally:
        server.shutdown()
        server.server_close()
