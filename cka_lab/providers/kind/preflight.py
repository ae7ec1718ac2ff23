"""What this machine must have for kind clusters: asked before anything is made, and cheap."""

from __future__ import annotations

import os
import shutil
import socket
import sys
import time
from functools import lru_cache
from pathlib import Path
from typing import Any

from cka_lab import container
from cka_lab.api import ClusterSpec, Problem
from cka_lab.errors import NotAvailable

NODE_MIB, WORKER_MIB = 700, 400
"""Memory of a control plane with base, and of each worker more."""
NODE_DISK_MIB = 1000
"""Disk that each node takes at most, as a rule, beside its image."""
SOCKET = "/var/run/docker.sock"
KEPT_SECONDS = 2.0
"""How long what was found is believed."""
KIND_SITE = "https://kind.sigs.k8s.io/dl/v0.33.0/kind-linux"
FIXES = {
    "install docker": "curl -fsSL https://get.docker.com | sudo sh",
    "start docker": "sudo systemctl start docker",
    "be let in": "sudo usermod -aG docker $USER && newgrp docker",
    "install kind": f"curl -fsSLo kind {KIND_SITE}-$(uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')"
    " && sudo install -m 755 kind /usr/local/bin/kind && rm kind",
}
ON_A_MAC = {
    "install docker": "brew install --cask docker && open -a Docker",
    "start docker": "open -a Docker",
    "install kind": "brew install kind",
}


def fix(what: str) -> str:
    """A line that can be pasted on this machine."""
    return (FIXES | ON_A_MAC if sys.platform == "darwin" else FIXES)[what]


def engine_is_near() -> bool:
    """Is there anything that looks like docker? A cheap look, without asking it."""
    return bool(os.environ.get("DOCKER_HOST")) or Path(SOCKET).exists() or (Path.home() / ".docker").is_dir()


def problems() -> tuple[Problem, ...]:
    """What stands in the way of any kind cluster here. Cheap, as `cka-lab list` asks for each scenario."""
    return _problems(int(time.monotonic() / KEPT_SECONDS))


@lru_cache(maxsize=1)
def _problems(moment: int) -> tuple[Problem, ...]:
    found = []
    if not engine_is_near():
        how = _start_with_socket() or fix("install docker")
        found.append(Problem("docker is not here", "kind runs its nodes as docker containers", how))
    elif why := unreachable():
        if why.endswith("Permission denied"):
            found.append(Problem("docker does not let you in", why, _start_with_socket() or fix("be let in")))
        else:
            found.append(Problem("docker does not answer", why, fix("start docker")))
    if not shutil.which("kind"):
        found.append(Problem("kind is not installed", "it makes the clusters", fix("install kind")))
    return tuple(found)


def _start_with_socket() -> str:
    """What helps in a container of ours; empty elsewhere."""
    how = "start the container with docker's socket, which makes it root on the host"
    return f"{how}: {container.line(socket=True)}" if container.inside() else ""


def unreachable() -> str:
    """Why the engine's socket does not take a connection; empty where it does."""
    host = os.environ.get("DOCKER_HOST", f"unix://{SOCKET}")
    if not host.startswith("unix://"):
        return ""
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.settimeout(1)
            made.connect(host.removeprefix("unix://"))
    except OSError as error:
        return f"{host}: {error.strerror or error}"
    return ""


def require(spec: ClusterSpec) -> None:
    """Refuse what can't be finished. NotAvailable."""
    _problems.cache_clear()
    if found := problems():
        raise NotAvailable(f"{found[0].what}: {found[0].why}", fix=found[0].fix)
    about = ask_engine()
    machines = spec.control_planes + spec.workers + spec.unjoined
    wanted = NODE_MIB * spec.control_planes + WORKER_MIB * (spec.workers + spec.unjoined)
    free = available_mib(about)
    if free is not None and free < wanted:
        raise NotAvailable(
            f"{wanted} MiB of memory are needed, {free} MiB are free", fix="stop other labs: `cka-lab status`"
        )
    room = free_disk_mib(about)
    if room is not None and room < NODE_DISK_MIB * machines:
        raise NotAvailable(
            f"{NODE_DISK_MIB * machines} MiB of disk are needed at {about['DockerRootDir']}, {room} MiB are free",
            fix="docker system df  # shows what takes it; `docker builder prune` is harmless",
        )


def ask_engine() -> dict[str, Any]:
    """`docker info`. LabFailure where docker does not answer."""
    from cka_lab.providers.kind.engine import engine, ours

    with ours("docker"):
        about: dict[str, Any] = engine().info()
    return about


def is_local(about: dict[str, Any]) -> bool:
    """Does the engine run on this very machine, and not in a virtual one or elsewhere?"""
    return bool(about.get("Name") == socket.gethostname() and Path(str(about.get("DockerRootDir"))).is_dir())


def available_mib(about: dict[str, Any] | None = None) -> int | None:
    """Free memory where the engine runs; None where that can't be told."""
    if about is not None and not is_local(about):
        return int(about["MemTotal"]) >> 20  # of a virtual machine that is there for docker alone
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) // 1024 for line in lines if line.startswith("MemAvailable")), None)


def free_disk_mib(about: dict[str, Any]) -> int | None:
    """Where docker keeps its containers; None where that can't be told from here."""
    if not is_local(about):
        return None
    found = os.statvfs(about["DockerRootDir"])
    return found.f_bavail * found.f_frsize >> 20
