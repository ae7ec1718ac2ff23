"""What this machine has and lacks for kind clusters."""

from __future__ import annotations

import os
import shutil
from functools import lru_cache
from pathlib import Path

from cka_lab import container
from cka_lab.api import ClusterSpec, Problem
from cka_lab.errors import NotAvailable

NODE_MIB, WORKER_MIB = 700, 400
"""Memory of a control plane with base, and of each worker more."""
SOCKET = "/var/run/docker.sock"


def engine_is_near() -> bool:
    """Is there anything that looks like docker? A cheap look, without asking it."""
    return bool(os.environ.get("DOCKER_HOST")) or Path(SOCKET).exists() or (Path.home() / ".docker").is_dir()


@lru_cache(maxsize=1)
def problems() -> tuple[Problem, ...]:
    """What stands in the way of any kind cluster here. Cheap: `cka-lab list` asks it."""
    found = []
    if not engine_is_near():
        fix = _start_with_socket() or "install docker, or use the sandbox"
        found.append(Problem("docker is not here", "kind runs its nodes as docker containers", fix))
    elif why := _unreachable():
        forbidden = why.endswith("Permission denied")
        fix = "`sudo usermod -aG docker $USER`, then log in anew" if forbidden else "`sudo systemctl start docker`"
        fix = (forbidden and _start_with_socket()) or fix
        found.append(Problem("docker does not let you in" if forbidden else "docker does not answer", why, fix))
    if not shutil.which("kind"):
        found.append(
            Problem(
                "kind is not installed", "it makes the clusters", "see https://kind.sigs.k8s.io/docs/user/quick-start"
            )
        )
    return tuple(found)


def _start_with_socket() -> str:
    """What helps in a container of ours; empty elsewhere."""
    how = "start the container with docker's socket, which makes it root on the host"
    return f"{how}: {container.line(socket=True)}" if container.inside() else ""


def _unreachable() -> str:
    """Why the engine's socket does not take a connection; empty where it does."""
    import socket

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


def facts() -> dict[str, str]:
    return {}


def require(spec: ClusterSpec) -> None:
    """Refuse what can't be finished. NotAvailable."""
    problems.cache_clear()
    if found := problems():
        raise NotAvailable(found[0].what, fix=found[0].fix)
    wanted = NODE_MIB * spec.control_planes + WORKER_MIB * spec.workers
    if (free := available_mib()) is not None and free < wanted:
        raise NotAvailable(
            f"{wanted} MiB of memory are needed, {free} MiB are free", fix="stop other labs: `cka-lab status`"
        )


def available_mib() -> int | None:
    """Free memory of this machine; None where that can't be told (docker may be elsewhere)."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) // 1024 for line in lines if line.startswith("MemAvailable")), None)
