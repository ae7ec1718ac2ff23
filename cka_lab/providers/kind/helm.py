"""The helm command in a lab's machines: the node image's own, else the pinned release, downloaded once."""

from __future__ import annotations

import hashlib
import http.client
import io
import tarfile
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cka_lab import paths
from cka_lab.errors import LabFailure, NotAvailable
from cka_lab.wait import Progress

if TYPE_CHECKING:
    from cka_lab.providers.kind.node import KindNode

VERSION = "v3.21.4"
SITE = "https://get.helm.sh"
SHA256 = {
    "amd64": "61f88ab166748cb19604d7884cb100ae9ccb13804ddeb98e08af167eacbb6a14",
    "arm64": "b54c04b4e0b2540bbdc08c17a121dab70e9a2ed0de5705528fec68a5fd3b85a7",
}
"""Of the release's archives, as the release's notes give them: github.com/helm/helm/releases/tag/v3.21.4."""
MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}
PATH = "/usr/local/bin/helm"
ANSWER_SECONDS = 30.0
PIECE = 1 << 18


def bring(nodes: Sequence[KindNode], progress: Progress) -> None:
    """See to it that each of these machines has helm. NotAvailable where it must be fetched and can't be; Cancelled."""
    for node in nodes:
        if not works(node):
            machine = node.run(["uname", "-m"], timeout=10).text.strip()
            node.put({PATH: (binary(machine, progress), 0o755)})
            if not works(node):
                raise LabFailure(f"helm does not run on {node.name}", fix="start the lab anew")


def works(node: KindNode) -> bool:
    return node.run(["helm", "version", "--short"], timeout=20, ok=range(256)).code == 0


def binary(machine: str, progress: Progress) -> bytes:
    """The program for a machine as ``uname -m`` names it."""
    arch = MACHINES.get(machine)
    if arch is None:
        raise NotAvailable(f"helm is not available here, because no release for {machine} is pinned")
    with tarfile.open(fileobj=io.BytesIO(_archive(arch, progress))) as tar:
        member = tar.extractfile(f"linux-{arch}/helm")
        if member is None:
            raise LabFailure(f"the archive of helm {VERSION} has no helm in it")
        return member.read()


def _archive(arch: str, progress: Progress) -> bytes:
    """The release's archive, checked: out of the cache, or from the project's site and kept."""
    kept = paths.cache() / f"helm-{VERSION}-linux-{arch}.tar.gz"
    if kept.is_file() and _is_right(data := kept.read_bytes(), arch):
        return data
    url = f"{SITE}/{kept.name}"
    try:
        data = _download(url, progress)
    except (OSError, http.client.HTTPException) as error:  # URLError and HTTPError are OSErrors
        raise NotAvailable(
            f"helm is not available here, because {url} can't be fetched: {error}", fix=_fix(kept)
        ) from error
    if not _is_right(data, arch):
        raise NotAvailable(
            f"helm is not available here, because what {url} gives is not the pinned release ({len(data)} bytes)",
            fix=_fix(kept),
        )
    paths.make_private(kept.parent)
    draft = kept.with_suffix(".new")
    draft.write_bytes(data)
    draft.rename(kept)
    return data


def _fix(kept: Path) -> str:
    return f"put {SITE}/{kept.name} there as {kept}, or name a node image that has helm by CKA_LAB_NODE_IMAGE"


def _download(url: str, progress: Progress) -> bytes:
    data = bytearray()
    with urllib.request.urlopen(url, timeout=ANSWER_SECONDS) as answer:
        while piece := answer.read(PIECE):
            progress.check()
            data += piece
    return bytes(data)


def _is_right(data: bytes, arch: str) -> bool:
    return hashlib.sha256(data).hexdigest() == SHA256[arch]
