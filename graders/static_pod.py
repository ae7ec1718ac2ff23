"""Static pods: what the manifests folder defines, and what runs of it."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence

from cka_lab.api import Container, LabView, Mismatch, PodFile, flags_of, grader, pod_files
from graders._settle import MANIFESTS, settle

YOUNGEST = 1.0
"""Seconds that a running container has been up at least."""
TRIED_WITHIN, REALLY_TRIED_WITHIN = 3.0, 30.0
"""Seconds within which a kubelet tries to start what the folder holds: the sandbox's, a real one."""


@grader("static_pod")
def static_pod(
    lab: LabView,
    *,
    name: str,
    running: bool | None = None,
    age: float = 0,
    args: Mapping[str, str | int | bool | None] | None = None,
    defined_once: bool = False,
    node: str | None = None,
) -> Mismatch | None:
    """The static pod whose manifest says ``name`` runs (for ``age`` seconds; asked by default, if nothing else is), or,
    with ``running: false``, was tried as it stands and has ended. ``args``: flags of the manifest and of the running
    command (null: absent). ``defined_once``: exactly one file that the kubelet reads defines it.

    Evidence is the CRI's state and the files a kubelet reads, also .bak ones. A flapping pod is not running: its
    container must be the same before and after, and as old as asked. A pod that only waits for its first start counts
    neither as running nor as ended.
    """
    if running is not False:
        settle(lab, node, name)
    files = [pod for pod in pod_files(lab.node(node)) if pod.name == name]
    if defined_once and len(files) != 1:
        paths = ", ".join(pod.path for pod in files) or f"no file in {MANIFESTS}"
        return Mismatch(f"the pod {name} must be defined by one file", "one file", paths)
    if running is False:
        return _has_ended(lab, node, name, files)
    if args and (mismatch := _wrong_args(_containers(lab, node, name), files, args)):
        return mismatch
    if running or age or not (args or defined_once):
        return _runs(lab, node, name, max(age, YOUNGEST))
    return None


def _containers(lab: LabView, node: str | None, name: str) -> list[Container]:
    """All containers of the pod: its name on the node is the manifest's and the node's."""
    place = lab.node(node)
    return [c for c in place.containers() if c.pod in (name, f"{name}-{place.name}")]


def _runs(lab: LabView, node: str | None, name: str, age: float) -> Mismatch | None:
    def current() -> Container | None:
        return next((c for c in _containers(lab, node, name) if c.state == "running"), None)

    def seconds() -> float:
        now = current()
        return time.time() - now.started if now else -1.0

    before = current()
    lab.hold(age, seconds)
    after = current()
    if before is None or after is None:
        return Mismatch(f"the pod {name} does not run", "a running container", _last(_containers(lab, node, name)))
    if before.id != after.id or seconds() < age:
        return Mismatch(f"the pod {name} does not stay up", f"up for {age:g} s", f"up for {seconds():.1f} s")
    return None


def _last(containers: Sequence[Container]) -> str:
    ended = [c for c in containers if c.state == "exited"]
    if not ended:
        return "no container"
    last = max(ended, key=lambda c: c.finished)
    return f"its container ended with exit code {last.exit_code}, try {last.attempt + 1}"


def _has_ended(lab: LabView, node: str | None, name: str, files: Sequence[PodFile]) -> Mismatch | None:
    """None where no container runs, once the kubelet has tried what the folder holds (or could have by now)."""
    place = lab.node(node)
    limit = TRIED_WITHIN if lab.provider == "sandbox" else REALLY_TRIED_WITHIN

    def seconds() -> float:
        """Since the last change of what the folder holds; infinite once that was tried."""
        containers = _containers(lab, node, name)
        tried = any(c.state == "exited" and c.argv == pod.argv for c in containers for pod in files)
        ages = [time.time() - info.mtime for pod in files if (info := place.stat(pod.path))]
        return math.inf if tried else min(ages, default=math.inf)

    lab.hold(limit, seconds)
    if any(c.state == "running" for c in _containers(lab, node, name)):
        return Mismatch(f"the pod {name} runs", "no running container", "a running one")
    if seconds() < limit:
        return Mismatch(f"the pod {name} has not been started yet", "it was tried, and has ended", "it waits")
    return None


def _wrong_args(
    containers: Sequence[Container], files: Sequence[PodFile], args: Mapping[str, str | int | bool | None]
) -> Mismatch | None:
    commands = [pod.argv for pod in files] + [c.argv for c in containers if c.state == "running"]
    if not commands:
        return Mismatch("there is no such pod", f"a manifest in {MANIFESTS}", "none")
    for argv in commands:
        if mismatch := wrong_flags(argv, args):
            return mismatch
    return None


def wrong_flags(argv: Sequence[str], args: Mapping[str, str | int | bool | None]) -> Mismatch | None:
    """The first flag of a command that is not as asked."""
    flags = flags_of(argv[1:])
    for flag, value in args.items():
        wanted = None if value is None else str(value).lower() if isinstance(value, bool) else str(value)
        found = flags.get(flag.lstrip("-"))
        if found != wanted:
            expected = f"no --{flag}" if wanted is None else f"--{flag}={wanted}"
            return Mismatch(
                f"the flag --{flag} is not as it must be", expected, f"--{flag}={found}" if found else "none"
            )
    return None
