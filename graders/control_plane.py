"""The control plane as a whole: an API server that is ready, its own node, and what works behind it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Literal

from cka_lab.api import LabView, Mismatch, TrialFailed, grader, has_api, kube
from graders._plane import Plane, plane
from graders.etcd import etcd_health

Component = Literal["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"]
ALWAYS: tuple[Component, ...] = ("kube-apiserver",)


@grader("control_plane")
def control_plane(
    lab: LabView,
    *,
    age: float = 0,
    components: Sequence[Component] = (),
    works: bool = False,
    version: str | None = None,
    node: str | None = None,
) -> Mismatch | None:
    """The API server of a control plane (the first by default) answers /readyz with ok, to a client that trusts the
    cluster's CA; its own Node is Ready; it and the ``components`` named run as static pods, for ``age`` seconds without
    a restart. ``works``: controllers, scheduler and kubelet bring a new throw-away Pod to run. ``version``: as in
    `kubectl version`, its beginning.

    A place without an API server (the sandbox) has etcd alone: it must be healthy, for ``age`` seconds.
    """
    if not has_api(lab):
        return etcd_health(lab, age=age, node=node)
    watch = plane(lab, node)
    if mismatch := watch.lasting_complaint():
        return mismatch
    wanted = tuple(
        dict.fromkeys([*ALWAYS, *components, *(("kube-controller-manager", "kube-scheduler") if works else ())])
    )
    if mismatch := _run(lab, watch, wanted, age):
        return mismatch
    if version and not (found := kube(lab, node).version()).startswith(version):
        return Mismatch("the API server has another version", version, found)
    return _works(lab) if works else None


def _run(lab: LabView, watch: Plane, wanted: Sequence[str], age: float) -> Mismatch | None:
    """None where every container of ``wanted`` runs and is that old; waits for those that are on their way."""
    running = watch.running()
    if all(name in running and time.time() - running[name].started >= age for name in wanted):
        return None

    def missing() -> list[str]:
        running = watch.running()
        return [name for name in wanted if name not in running]

    lab.follow(lambda: any(map(watch.will_be_tried, missing())), f"{', '.join(missing())} to be started once more")
    if names := missing():
        return Mismatch(f"{names[0]} does not run", "a running static pod", "none")
    before = {name: c.id for name, c in watch.running().items() if name in wanted}

    def youngest() -> float:
        running = watch.running()
        if any(name not in running for name in wanted):
            return -1.0
        return min(time.time() - running[name].started for name in wanted)

    lab.hold(age, lambda: -1.0 if watch.complaint() else youngest())
    after = {name: c.id for name, c in watch.running().items() if name in wanted}
    if before != after:
        changed = next(name for name in wanted if before.get(name) != after.get(name))
        return Mismatch(f"{changed} does not stay up", f"up for {age:g} s", "it was started again meanwhile")
    if mismatch := watch.lasting_complaint():
        return mismatch
    if (found := youngest()) < age:
        return Mismatch("the control plane does not stay ready", f"ready for {age:g} s", f"up for {found:.0f} s")
    return None


def _works(lab: LabView) -> Mismatch | None:
    try:
        with lab.trial_pod():
            return None
    except TrialFailed as error:
        return Mismatch("the control plane does not bring a new Pod to run", "a running Pod", error.message)
