"""Nodes, as the cluster sees them and as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cka_lab.api import LabView, Mismatch, NodeView, condition, grader
from graders._fields import find, wrong_fields
from graders._kube import Api, Object, seconds_since

BEATS_WITHIN = 25.0
"""Seconds: a kubelet renews its lease every 10."""
TELLS_WITHIN = 60.0
"""Seconds within which a kubelet that was just started has told the cluster."""


@grader("node")
def node(
    lab: LabView,
    *,
    name: str,
    ready: bool | None = None,
    schedulable: bool | None = None,
    absent: bool = False,
    version: str | None = None,
    labels: Mapping[str, str | None] | None = None,
    taints: Sequence[str] | None = None,
    conditions: Mapping[str, str] | None = None,
    fields: Mapping[str, Any] | None = None,
) -> Mismatch | None:
    """The Node of a machine of the lab (controlplane, node01 ...). ``ready``: its condition, and a kubelet that renewed
    its lease within 25 s; ``schedulable``: not cordoned; ``labels`` (null: absent); ``taints``: exactly these, written
    KEY=VALUE:EFFECT, the ones that controllers set for a state left out; ``version``: the kubelet's, its beginning.

    A kubelet that was just started gets a minute to tell. With the API server down this can't be told: ERROR.
    """
    api, machine = Api(lab), lab.node(name)

    def question() -> Mismatch | None:
        found = api.get("Node", machine.name)
        if absent:
            return Mismatch(f"{name} must not be in the cluster", "no Node", "it is there") if found else None
        if found is None:
            return Mismatch(f"{name} is not in the cluster", f"Node {machine.name}", "nothing")
        if ready is not None and (mismatch := _readiness(api, found, name, ready)):
            return mismatch
        return _rest(found, name, schedulable, version, labels or {}, taints, conditions or {}, fields or {})

    lab.follow(
        lambda: question() is not None and _young(machine),
        f"{name} to tell its state (10-40 s as a rule)",
        TELLS_WITHIN,
    )
    return question()


def _young(machine: NodeView) -> bool:
    """Was its kubelet started within the last minute?"""
    return any(p.age < TELLS_WITHIN for p in machine.processes() if p.argv and p.argv[0].endswith("/kubelet"))


def _readiness(api: Api, found: Object, name: str, wanted: bool) -> Mismatch | None:
    state = condition(found, "Ready")
    lease = api.get("Lease", found["metadata"]["name"], "kube-node-lease")
    silent = seconds_since(find(lease or {}, "spec.renewTime") if lease else None)
    ready = state == "True" and silent < BEATS_WITHIN
    if ready == wanted:
        return None
    told = {"True": "Ready", "False": "not Ready", "Unknown": "not Ready: its kubelet does not answer"}.get(
        state, "unknown"
    )
    if state == "True" and not ready:
        told = f"its kubelet has been silent for {silent:.0f} s"
    return Mismatch(f"{name} is {'not ' if wanted else ''}Ready", "Ready" if wanted else "not Ready", told)


def _rest(
    found: Object, name: str, schedulable: bool | None, version: str | None, labels: Mapping[str, str | None],
    taints: Sequence[str] | None, conditions: Mapping[str, str], fields: Mapping[str, Any],
) -> Mismatch | None:  # fmt: skip
    if schedulable is not None and schedulable == bool(found["spec"].get("unschedulable")):
        return Mismatch(
            f"{name} is {'cordoned' if schedulable else 'schedulable'}", "the other", "see `kubectl get nodes`"
        )
    have = found["status"]["nodeInfo"]["kubeletVersion"] if "nodeInfo" in found.get("status", {}) else ""
    if version and not have.startswith(version):
        return Mismatch(f"the kubelet of {name} has another version", version, have)
    for key, value in labels.items():
        if (here := found["metadata"].get("labels", {}).get(key)) != value:
            return Mismatch(f"{name}: the label {key} is wrong", value if value is not None else "none", here or "none")
    if taints is not None and (now := taints_of(found)) != sorted(taints):
        return Mismatch(f"{name}: the taints are wrong", ", ".join(sorted(taints)) or "none", ", ".join(now) or "none")
    for kind, wanted in conditions.items():
        if (here := condition(found, kind)) != wanted:
            return Mismatch(f"{name}: {kind} is not {wanted}", wanted, here or "unknown")
    for path, wanted, seen in wrong_fields(found, fields):
        return Mismatch(f"{name}: {path} is not as asked", wanted, seen)
    return None


def taints_of(found: Object) -> list[str]:
    """KEY=VALUE:EFFECT of each taint that people set."""
    taints = found["spec"].get("taints") or []
    own = [t for t in taints if not t["key"].startswith("node.kubernetes.io/")]
    return sorted(
        f"{t['key']}={t['value']}:{t['effect']}" if t.get("value") else f"{t['key']}:{t['effect']}" for t in own
    )


@grader("systemd_unit")
def systemd_unit(
    lab: LabView,
    *,
    name: str,
    active: bool | None = None,
    enabled: bool | None = None,
    unmasked: bool = False,
    triggered_by: str | None = None,
    result: str | None = None,
    age: float = 0,
    node: str | None = None,
) -> Mismatch | None:
    """A unit of systemd on a node: running now (``active``, for ``age`` seconds), started at boot (``enabled``), not
    masked, started by another unit (``triggered_by``), its last ``result`` (success, exit-code ...).

    Evidence is `systemctl show`. A unit that is being started gets until its state is known.
    """
    place = lab.node(node)
    full = name if "." in name else f"{name}.service"

    def seconds() -> float:
        unit = place.unit(full)
        return unit.age if unit else -1.0

    if active or age:
        lab.follow(
            lambda: (u := place.unit(full)) is not None and u.active == "activating", f"{name} to be started", 15
        )
        lab.hold(age, seconds)
    unit = place.unit(full)
    if unit is None:
        return Mismatch(f"there is no unit {name}", f"the unit {name}", "none")
    if (active is not None and (unit.active == "active") != active) or ((active or age) and unit.age < age):
        wanted = "not running" if active is False else f"running for {age:g} s" if age else "running"
        return Mismatch(
            f"{name} is {unit.active}", wanted, f"{unit.active} for {unit.age:.0f} s" if unit.age else unit.active
        )
    if unmasked and unit.enabled == "masked":
        return Mismatch(f"{name} is masked", "not masked", "masked")
    if enabled is not None and (unit.enabled in ("enabled", "static", "alias", "generated")) != enabled:
        return Mismatch(
            f"{name} is {unit.enabled}", "started at boot" if enabled else "not started at boot", unit.enabled
        )
    if triggered_by and triggered_by not in unit.triggered_by.split():
        return Mismatch(f"{name} is not started by {triggered_by}", triggered_by, unit.triggered_by or "nothing")
    if result and unit.result != result:
        return Mismatch(f"the last result of {name} is {unit.result}", result, unit.result)
    return None
