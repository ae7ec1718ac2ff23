"""What `cka-lab doctor` finds out of docker, kind and this machine: facts, and advice that stands in no way."""

from __future__ import annotations

import os
import re
import shutil
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from cka_lab import proc
from cka_lab.api import Problem
from cka_lab.errors import CkaLabError
from cka_lab.providers.kind import image, preflight
from cka_lab.providers.kind.containers import KIND_LABEL
from cka_lab.providers.kind.engine import LABEL, engine, home_mark, ours, reason

KIND = (0, 33)
"""The release whose notes name the node image that is used by default."""
WATCHES, INSTANCES = 524288, 512
"""What kind's own notes on known issues ask for, for clusters of several machines."""
LOW_MIB = 2048


def facts() -> dict[str, str]:
    """Of docker, memory, disk, inotify, kind, kubectl, the image, other clusters, ports."""
    about = preflight.ask_engine()
    return {
        "docker": _docker(about),
        "memory": f"{preflight.available_mib(about)} MiB free of {int(about['MemTotal']) >> 20} MiB",
        "disk": f"{preflight.free_disk_mib(about)} MiB free at {about.get('DockerRootDir')}",
        "inotify": f"{_limit('watches')} watches, {_limit('instances')} instances a user",
        "kind": _version(["kind", "version"]),
        "kubectl": _version(["kubectl", "version", "--client"]) if shutil.which("kubectl") else "not here, nor needed",
        "node image": f"{image.wanted()} ({'here' if image.is_here(image.wanted()) else 'pulled when it is needed'})",
        "others": _others(about),
        "ports": f"kind takes a free one on 127.0.0.1 for each cluster, such as {_free_port()}",
    }


def _docker(about: dict[str, Any]) -> str:
    rootless = any("rootless" in option for option in about.get("SecurityOptions") or [])
    return (
        f"{about['ServerVersion']} on {about['OperatingSystem']}, {about['Architecture']}, "
        f"{'rootless' if rootless else 'not rootless'}, cgroup v{about.get('CgroupVersion', '1')} "
        f"({about['CgroupDriver']}), storage {about['Driver']}"
    )


def _version(argv: list[str]) -> str:
    try:
        return proc.run(argv, timeout=10).text.splitlines()[0].strip()
    except (CkaLabError, IndexError) as error:
        return f"does not run: {error}"


def _limit(of: str) -> int | None:
    with suppress(OSError, ValueError):
        return int(Path(f"/proc/sys/fs/inotify/max_user_{of}").read_text())
    return None


def _others(about: dict[str, Any]) -> str:
    with ours("docker"):
        running = engine().api.containers()
    clusters = {c["Labels"][KIND_LABEL] for c in running if KIND_LABEL in c["Labels"] and not _is_ours(c)}
    load = f", load {os.getloadavg()[0]:.1f} on {about['NCPU']} processors" if preflight.is_local(about) else ""
    return f"{len(clusters)} other kind clusters, {sum(not _is_ours(c) for c in running)} other containers{load}"


def _is_ours(container: dict[str, Any]) -> bool:
    named = container["Names"][0].startswith(f"/cka-{home_mark()}") if container["Names"] else False
    return named or container["Labels"].get(LABEL) == home_mark()


def _free_port() -> int:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return int(made.getsockname()[1])


# -- advice ----------------------------------------------------------------------------------------------------


def advice() -> Iterator[Problem]:
    """What may go wrong, though clusters can be made."""
    about = preflight.ask_engine()
    yield from _of_docker(about)
    yield from _of_kind()
    if not image.is_here(image.wanted()):
        yield Problem(
            "the node image is not here yet", "the first start fetches about 400 MB", f"docker pull {image.wanted()}",
        )  # fmt: skip
    elif why := _no_privileges():
        yield Problem(
            "docker can't run privileged containers here", why,
            "start docker from a session that has all capabilities: grep CapBnd /proc/self/status",
        )  # fmt: skip
    for of, wanted in (("watches", WATCHES), ("instances", INSTANCES)):
        if (now := _limit(of)) is not None and now < wanted and preflight.is_local(about):
            setting = f"fs.inotify.max_user_{of}={wanted}"
            yield Problem(
                f"few inotify {of}: {now}", "pods of clusters with several machines end with “too many open files”",
                f"sudo sysctl {setting}", ("sysctl", setting),
            )  # fmt: skip


def _of_docker(about: dict[str, Any]) -> Iterator[Problem]:
    if any("rootless" in option for option in about.get("SecurityOptions") or []) and about.get("CgroupVersion") != "2":
        yield Problem(
            "docker is rootless, on cgroup v1", "kind needs cgroup v2 for it",
            "sudo grubby --update-kernel=ALL --args=systemd.unified_cgroup_hierarchy=1 && sudo reboot",
        )  # fmt: skip
    if about.get("OSType") != "linux":
        yield Problem(
            "docker runs no Linux containers", "nodes are Linux machines", "switch docker to Linux containers"
        )
    free = preflight.available_mib(about)
    if free is not None and free < LOW_MIB:
        yield Problem(
            f"{free} MiB of memory are free", "a lab with a worker takes 1300 MiB, one without 700 MiB",
            "cka-lab clean",
        )  # fmt: skip
    room = preflight.free_disk_mib(about)
    if room is not None and room < 5 * preflight.NODE_DISK_MIB:
        yield Problem(
            f"{room} MiB of disk are free for docker", "node images take 2 GB, each node up to 1 GB",
            "docker builder prune --force",
        )  # fmt: skip
    load = os.getloadavg()[0]
    if preflight.is_local(about) and load > 2 * about["NCPU"]:
        yield Problem(
            f"this machine is busy (load {load:.1f} on {about['NCPU']} processors)", "clusters get slow, and so do you",
            "docker stats --no-stream  # shows whose containers they are",
        )  # fmt: skip


def _of_kind() -> Iterator[Problem]:
    """Does the kind command know the node image?"""
    found = re.search(r"v(\d+)\.(\d+)", _version(["kind", "version"]))
    if image.wanted() == image.EXAM and found and (int(found[1]), int(found[2])) < KIND:
        release = ".".join(map(str, KIND))
        yield Problem(
            f"kind {found[0]} is older than the node image", f"{image.EXAM.split('@')[0]} is made for kind {release}",
            preflight.fix("install kind"),
        )  # fmt: skip


def _no_privileges() -> str:
    """Why a privileged container does not start; empty where one does."""
    import docker

    try:
        engine().containers.run(
            image.wanted(), ["-c", "exit 0"], entrypoint="bash", privileged=True, remove=True, network_mode="none",
            name=f"cka-{home_mark()}look-{os.getpid()}", labels={LABEL: home_mark()},
        )  # fmt: skip
    except docker.errors.DockerException as error:
        return reason(error)
    return ""
