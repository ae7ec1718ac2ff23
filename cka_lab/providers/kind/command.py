"""The kind command: clusters are made and deleted by it, each with a kubeconfig of its own."""

from __future__ import annotations

import os
import re
import shutil
import threading
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from cka_lab import proc
from cka_lab.api import ClusterSpec
from cka_lab.errors import CommandFailed, LabFailure

CREATE_SECONDS = 600.0
LOAD_SECONDS = 300.0


def environment(network: str) -> Mapping[str, str]:
    """Never the user's kubeconfig, and a network of our own."""
    kept = {name: value for name, value in os.environ.items() if name != "KUBECONFIG"}
    return kept | {"KIND_EXPERIMENTAL_DOCKER_NETWORK": network, "KIND_EXPERIMENTAL_PROVIDER": "docker"}


def config(spec: ClusterSpec) -> str:
    """kind's configuration of a cluster of that shape; unjoined machines are workers at first."""
    import yaml

    roles = ["control-plane"] * spec.control_planes + ["worker"] * (spec.workers + spec.unjoined)
    about: dict[str, Any] = {"kind": "Cluster", "apiVersion": "kind.x-k8s.io/v1alpha4"}
    about["nodes"] = [{"role": role} for role in roles]
    if spec.kubeadm:
        about["kubeadmConfigPatches"] = list(spec.kubeadm)
    return str(yaml.safe_dump(about, sort_keys=False))


def create(name: str, spec: ClusterSpec, image: str, network: str, folder: Path, cancel: threading.Event) -> None:
    """Make a cluster; it returns as soon as kubeadm is done, before nodes are Ready. LabFailure, Cancelled."""
    (folder / "kind.yaml").write_text(config(spec))
    argv = ["kind", "create", "cluster", "--name", name, "--image", image, "--config", str(folder / "kind.yaml"),
            "--kubeconfig", str(folder / "kubeconfig")]  # fmt: skip
    try:
        proc.run(argv, timeout=CREATE_SECONDS, env=environment(network), cancel=cancel)
    except CommandFailed as error:
        raise LabFailure(f"kind could not make the cluster: {_gist(error.err)}", fix="see `cka-lab doctor`") from error


def load(name: str, images: Sequence[str], cancel: threading.Event) -> None:
    """Bring images of the engine's store into every node of a cluster. LabFailure, Cancelled."""
    argv = ["kind", "load", "docker-image", "--name", name, *images]
    try:
        proc.run(argv, timeout=LOAD_SECONDS, env=environment("unused"), cancel=cancel)
    except CommandFailed as error:
        raise LabFailure(f"the images {', '.join(images)} can't be loaded: {_gist(error.err)}") from error


@lru_cache
def balancer() -> str:
    """The image that this kind puts before several API servers, as its program names it; empty where none is found."""
    path = shutil.which("kind")
    found = re.search(
        rb"docker\.io/(envoyproxy/envoy|kindest/haproxy):v[0-9.a-f-]+[0-9a-f]", Path(path).read_bytes() if path else b""
    )
    return found[0].decode() if found else ""


def version() -> str:
    return proc.run(["kind", "version"], timeout=10).text.strip()


def _gist(text: str) -> str:
    """The lines of kind's output that say what went wrong."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    said = [line for line in lines if line.startswith(("ERROR", "Command Output", "error"))]
    return " / ".join(said or lines[-3:])[-800:]
