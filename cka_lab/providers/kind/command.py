"""The kind command: clusters are made and deleted by it, each with a kubeconfig of its own."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from pathlib import Path

from cka_lab import proc
from cka_lab.api import ClusterSpec
from cka_lab.errors import CommandFailed, LabFailure

CREATE_SECONDS = 600.0
DELETE_SECONDS = 120.0


def environment(network: str) -> Mapping[str, str]:
    """Never the user's kubeconfig, and a network of our own."""
    kept = {name: value for name, value in os.environ.items() if name != "KUBECONFIG"}
    return kept | {"KIND_EXPERIMENTAL_DOCKER_NETWORK": network, "KIND_EXPERIMENTAL_PROVIDER": "docker"}


def config(spec: ClusterSpec) -> str:
    """kind's configuration of a cluster of that shape."""
    roles = ["control-plane"] * spec.control_planes + ["worker"] * spec.workers
    nodes = "".join(f"- role: {role}\n" for role in roles)
    return f"kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnodes:\n{nodes}"


def create(name: str, spec: ClusterSpec, image: str, network: str, folder: Path, cancel: threading.Event) -> None:
    """Make a cluster; it returns as soon as kubeadm is done, before nodes are Ready. LabFailure, Cancelled."""
    (folder / "kind.yaml").write_text(config(spec))
    argv = ["kind", "create", "cluster", "--name", name, "--image", image, "--config", str(folder / "kind.yaml"),
            "--kubeconfig", str(folder / "kubeconfig"), "--quiet"]  # fmt: skip
    try:
        proc.run(argv, timeout=CREATE_SECONDS, env=environment(network), cancel=cancel)
    except CommandFailed as error:
        raise LabFailure(f"kind could not make the cluster: {_gist(error.err)}", fix="see `cka-lab doctor`") from error


def delete(name: str, folder: Path) -> None:
    """Delete a cluster and all that kind made for it; nothing there is fine."""
    argv = ["kind", "delete", "cluster", "--name", name, "--kubeconfig", str(folder / "kubeconfig"), "--quiet"]
    proc.run(argv, timeout=DELETE_SECONDS, env=environment("unused"))


def version() -> str:
    return proc.run(["kind", "version"], timeout=10).text.strip()


def _gist(text: str) -> str:
    """The lines of kind's output that say what went wrong."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    said = [line for line in lines if line.startswith(("ERROR", "Command Output", "error"))]
    return " / ".join(said or lines[-3:])[-800:]
