"""Images that a lab's pods need: at hand before anything is made, in the nodes before the clock starts."""

from __future__ import annotations

import json
from collections.abc import Sequence

from cka_lab.errors import NotAvailable
from cka_lab.providers.kind import command, image
from cka_lab.providers.kind.node import KindNode
from cka_lab.wait import Progress


def full_name(name: str) -> str:
    """As containerd has it: busybox:1.37 is docker.io/library/busybox:1.37."""
    first, slash, _ = name.partition("/")
    if not slash:
        name = f"library/{name}"
    if not slash or not ("." in first or ":" in first or first == "localhost"):
        name = f"docker.io/{name}"
    return name if "@" in name or ":" in name.rpartition("/")[2] else f"{name}:latest"


def fetch(images: Sequence[str], node_image: str, progress: Progress) -> None:
    """Have every image in the node image or in docker's store. NotAvailable where one is not to be had."""
    there = image.has_images(node_image)
    for name in images:
        if full_name(name) in there or image.is_here(name):
            continue
        with progress.step(f"pulling {name}"):
            try:
                image.pull(name, progress)
            except NotAvailable as error:
                raise NotAvailable(f"not available here, because {error.message}", fix=error.fix) from error


def load(cluster: str, nodes: Sequence[KindNode], images: Sequence[str], progress: Progress) -> None:
    """Bring the images into the nodes that lack them, out of docker's store."""
    wanted = {full_name(name): name for name in images}
    lacking = {name for node in nodes for name in wanted.keys() - _on(node)} if wanted else set()
    if lacking:
        with progress.step(f"images: {', '.join(sorted(wanted[name] for name in lacking))}"):
            command.load(cluster, [wanted[name] for name in sorted(lacking)], progress.cancel)


def _on(node: KindNode) -> set[str]:
    listed = json.loads(node.run(["crictl", "images", "-o", "json"], timeout=20).out)
    return {tag for one in listed["images"] for tag in (*(one.get("repoTags") or ()), *(one.get("repoDigests") or ()))}
