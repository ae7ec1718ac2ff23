"""Our containers and networks as docker has them: made, woken, found again, removed."""

from __future__ import annotations

import contextlib
import posixpath
import time
from collections.abc import Sequence
from typing import Any

from cka_lab.errors import LabFailure, LabGone
from cka_lab.providers.kind import preflight
from cka_lab.providers.kind.engine import LABEL, engine, home_mark, ours
from cka_lab.wait import until

KIND_LABEL = "io.x-k8s.kind.cluster"
REMOVED_SECONDS = 40.0
LATE_SECONDS = 3.0
BOOT_SECONDS = 40.0
THAW = """
for state in $(find /host-cgroups -path "*$0*" -name freezer.state); do echo THAWED >"$state"; done
for state in $(find /host-cgroups -path "*$0*" -name cgroup.freeze); do echo 0 >"$state"; done
"""


def start(name: str, image: str, **options: Any) -> None:
    """A container of an image that does nothing but be there."""
    with ours(name):
        engine().containers.run(
            image, ["infinity"], entrypoint="sleep", name=name, hostname=options.pop("hostname", name), detach=True,
            init=True, labels={LABEL: home_mark()}, **options,
        )  # fmt: skip


def status(name: str) -> str:
    """running, exited, paused, restarting ...; "gone" where there is no such container."""
    with contextlib.suppress(LabGone), ours(name):
        return str(engine().api.inspect_container(name)["State"]["Status"])
    return "gone"


def address(name: str, network: str) -> str:
    """The address that a container has in a network now."""
    with ours(name):
        found = engine().api.inspect_container(name)["NetworkSettings"]["Networks"].get(network) or {}
    return str(found.get("IPAddress", ""))


def wake(name: str, network: str, *, boots: bool = True) -> None:
    """Make a container run in its network, whatever became of it; ``boots``: until systemd is up in it. LabGone."""
    was = status(name)
    if was == "gone":
        raise LabGone(f"the container {name} is not there any more", fix="stop the lab, and start the scenario anew")
    with ours(name):
        if was == "paused":
            engine().api.unpause(name)
        elif was != "running":
            engine().api.start(name)
        if not address(name, network):
            engine().api.connect_container_to_network(name, network)
    until(lambda: status(name) == "running", f"the container {name}", timeout=30, every=0.1)
    if boots and was not in ("running", "paused"):
        until(lambda: _is_up(name), f"systemd in {name}", timeout=BOOT_SECONDS, every=0.2)


def _is_up(name: str) -> bool:
    with ours(name):
        _, said = engine().containers.get(name).exec_run(["systemctl", "is-system-running"])
    return said.decode().strip() in ("running", "degraded")


def copy(source: str, target: str, path: str) -> None:
    """Copy a file or folder from one container to the same place in another; nothing where the first lacks it."""
    try:
        with ours(path):
            packed, _ = engine().api.get_archive(source, path)
    except LabGone:
        return
    with ours(target):
        engine().api.put_archive(target, posixpath.dirname(path), packed)


# -- removing --------------------------------------------------------------------------------------------------


def remove(name: str) -> None:
    """Remove a container and its volumes; nothing there is fine."""
    import docker

    try:
        with ours(name), contextlib.suppress(docker.errors.NotFound):
            engine().api.remove_container(name, force=True, v=True)
    except LabFailure:
        thaw(name)
        with ours(name), contextlib.suppress(docker.errors.NotFound):
            engine().api.remove_container(name, force=True, v=True)


def thaw(name: str) -> None:
    """With cgroup v1 a container can't end while processes in it are frozen, and runc freezes some for moments."""
    with ours(name):
        about = engine().api.inspect_container(name)
        engine().containers.run(
            about["Image"], ["-c", THAW, about["Id"]], entrypoint="bash", remove=True, privileged=True,
            network_mode="none", labels={LABEL: home_mark()},
            volumes={"/sys/fs/cgroup": {"bind": "/host-cgroups", "mode": "rw"}},
        )  # fmt: skip


def leftovers(known: Sequence[str]) -> list[str]:
    """Clusters of ours of which anything is left and that are not ``known``."""
    prefix = f"cka-{home_mark()}"
    with ours("docker"):
        marked = engine().api.containers(all=True, filters={"label": LABEL})
        networks = engine().networks.list(filters={"label": f"{LABEL}={home_mark()}"})
    names = {c["Labels"].get(KIND_LABEL) or c["Names"][0].strip("/").rsplit("-", 1)[0] for c in marked}
    names |= {network.name for network in networks}
    return sorted(name for name in names if name.startswith(prefix) and name not in known)


def remove_all(cluster: str) -> None:
    """Everything of one cluster: containers with their volumes, then the network. Nothing there is fine.

    Where a program was killed while it made them, docker or kind may still be at it: then it takes some rounds, and a
    last look LATE_SECONDS later. LabFailure.
    """
    deadline = time.monotonic() + REMOVED_SECONDS
    last_look = time.monotonic()
    if _is_being_made(cluster):
        last_look += LATE_SECONDS
    while True:
        try:
            for name in _containers_of(cluster):
                remove(name)
            _remove_network(cluster)
            if time.monotonic() >= last_look:
                return
        except LabFailure:
            if time.monotonic() > deadline or preflight.unreachable():
                raise
        time.sleep(0.5)


def _is_being_made(cluster: str) -> bool:
    found = _containers_of(cluster)
    return f"{cluster}-base" not in found or len(found) == 1 or "created" in found.values()


def _containers_of(cluster: str) -> dict[str, str]:
    """Names of containers and the states that docker says they are in."""
    with ours(cluster):
        every = engine().api.containers(all=True)
    found = [(c["Names"][0].strip("/"), c["State"], c["Labels"]) for c in every if c["Names"]]
    return {
        name: state
        for name, state, labels in found
        if labels.get(KIND_LABEL) == cluster or (LABEL in labels and name.startswith(f"{cluster}-"))
    }


def _remove_network(cluster: str) -> None:
    import docker

    with ours(cluster):
        for network in engine().networks.list(names=[cluster]):
            if network.name == cluster:
                with contextlib.suppress(docker.errors.NotFound):
                    network.remove()
