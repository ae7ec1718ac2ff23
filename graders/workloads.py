"""Workloads and their Pods."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from cka_lab.api import LabView, Mismatch, condition, grader
from graders._fields import wrong_fields
from graders._kube import Api, Object, called, seconds_since, selector

Kind = Literal["Deployment", "StatefulSet", "DaemonSet"]
WITHIN = 30.0
"""Seconds that a rollout may still need when it is asked."""


def _settled(
    lab: LabView, what: str, question: Callable[[], Mismatch | None], young: Callable[[], bool]
) -> Mismatch | None:
    """The answer, asked again for a while as long as what it asks of is ``young``."""
    lab.follow(lambda: question() is not None and young(), f"{what} to get ready (seconds, as a rule)", WITHIN)
    return question()


@grader("rollout")
def rollout(
    lab: LabView,
    *,
    name: str,
    namespace: str = "default",
    kind: Kind = "Deployment",
    replicas: int | None = None,
    image: str | None = None,
    age: float = 0,
    no_restart: bool = False,
) -> Mismatch | None:
    """A workload has rolled out what its spec says: the controller has seen the present generation, and every replica
    is updated, ready and available. ``replicas``: that many are asked for; ``image``: its first container's; ``age``:
    its youngest Pod has been ready that many seconds; ``no_restart``: no container of its Pods was started again.

    A rollout that is under way gets 30 s. With the API server down this can't be told: ERROR.
    """
    api = Api(lab)

    def question() -> Mismatch | None:
        return _rolled_out(api.get(kind, name, namespace), called(kind, name, namespace), replicas, image)

    def young() -> bool:
        found = api.get(kind, name, namespace)
        return found is not None and _young(_pods(api, found))

    if mismatch := _settled(lab, called(kind, name, namespace), question, young):
        return mismatch
    found = api.get(kind, name, namespace)
    pods = _pods(api, found) if found else []
    restarts = [p["metadata"]["name"] for p in pods if _restarts(p)]
    if no_restart and restarts:
        return Mismatch(f"a container of {restarts[0]} was started again", "no restart", f"{len(restarts)} Pods")
    if age:
        lab.hold(age, lambda: min(map(_ready_for, _pods(api, found)), default=-1.0) if found else -1.0)
        if found and (so_far := min(map(_ready_for, _pods(api, found)), default=-1.0)) < age:
            return Mismatch(
                f"{called(kind, name, namespace)} does not stay ready", f"for {age:g} s", f"for {so_far:.0f} s"
            )
    return question() if age else None


def _rolled_out(found: Object | None, what: str, replicas: int | None, image: str | None) -> Mismatch | None:
    if found is None:
        return Mismatch(f"{what} does not exist", "it exists", "nothing")
    spec, status = found["spec"], found.get("status", {})
    containers = spec["template"]["spec"]["containers"]
    if image and containers[0]["image"] != image:
        return Mismatch(f"{what} has another image", image, containers[0]["image"])
    daemons = found["kind"] == "DaemonSet"
    wanted = status.get("desiredNumberScheduled", 0) if daemons else spec.get("replicas", 1)
    if replicas is not None and wanted != replicas:
        return Mismatch(f"{what} asks for another number of Pods", str(replicas), str(wanted))
    if status.get("observedGeneration", 0) < found["metadata"].get("generation", 0):
        return Mismatch(f"no controller has seen the last change of {what}", "it was rolled out", "not yet")
    fields = ("updatedNumberScheduled", "numberReady", "numberAvailable") if daemons else (
        "updatedReplicas", "readyReplicas", "availableReplicas")  # fmt: skip
    counts = [status.get(field, 0) for field in fields]
    total = wanted if daemons else status.get("replicas", 0)
    if any(count != wanted for count in (*counts, total)) or (wanted == 0 and replicas != 0):
        return Mismatch(
            f"{what} is not ready", f"{wanted or 'some'} ready Pods", f"{counts[1]} ready, {counts[0]} up to date"
        )
    return None


def _pods(api: Api, workload: Object) -> Sequence[Object]:
    labels = workload["spec"]["selector"].get("matchLabels") or {}
    found = api.list("Pod", workload["metadata"]["namespace"], selector(labels))
    return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]


def _young(pods: Sequence[Object]) -> bool:
    """Was any of them made, or given its node, within the last moments?"""
    moments = [p["metadata"]["creationTimestamp"] for p in pods]
    moments += [
        c.get("lastTransitionTime")
        for p in pods
        for c in p.get("status", {}).get("conditions") or []
        if c.get("type") == "PodScheduled" and c.get("status") == "True"
    ]
    return any(seconds_since(moment) < WITHIN for moment in moments)


def _restarts(pod: Object) -> int:
    return sum(int(c.get("restartCount", 0)) for c in pod.get("status", {}).get("containerStatuses") or [])


def _ready_for(pod: Object) -> float:
    """Seconds that a Pod has been ready; -1 when it is not."""
    for found in pod.get("status", {}).get("conditions") or []:
        if found.get("type") == "Ready" and found.get("status") == "True":
            return seconds_since(found.get("lastTransitionTime"))
    return -1.0


@grader("pods")
def pods(
    lab: LabView,
    *,
    namespace: str = "default",
    labels: Mapping[str, str] | None = None,
    name: str | None = None,
    count: int | None = None,
    ready: bool = True,
    nodes: Sequence[str] = (),
    per_node: int | None = None,
    fields: Mapping[str, Any] | None = None,
) -> Mismatch | None:
    """The Pods with these ``labels`` (or of this ``name``): ``count`` of them (one at least), all ready (or, with
    ``ready: false``, whatever they are), all on ``nodes``, at most ``per_node`` on each, with these ``fields``.

    Pods that are being deleted or have ended don't count. Young ones get 30 s to become ready.
    """
    api = Api(lab)
    allowed = [lab.node(node).name for node in nodes]

    def found() -> list[Object]:
        every = api.list("Pod", namespace, selector(labels or {}), f"metadata.name={name}" if name else "")
        return [
            p for p in every if "deletionTimestamp" not in p["metadata"] and _phase(p) not in ("Succeeded", "Failed")
        ]

    def question() -> Mismatch | None:
        return _wrong_pods(
            found(), name or selector(labels or {}) or "any", count, ready, allowed, per_node, fields or {}
        )

    def young() -> bool:
        return _young(found())

    return _settled(lab, "the Pods", question, young)


def _phase(pod: Object) -> str:
    return str(pod.get("status", {}).get("phase", ""))


def _wrong_pods(
    found: Sequence[Object], what: str, count: int | None, ready: bool, allowed: Sequence[str], per_node: int | None,
    fields: Mapping[str, Any],
) -> Mismatch | None:  # fmt: skip
    if len(found) != count if count is not None else not found:
        return Mismatch(f"the number of Pods {what} is wrong", str(count or "one at least"), str(len(found)))
    where: dict[str, int] = {}
    for pod in found:
        name, on = pod["metadata"]["name"], pod["spec"].get("nodeName", "")
        where[on] = where.get(on, 0) + 1
        if ready and condition(pod, "Ready") != "True":
            return Mismatch(f"the Pod {name} is not ready", "a running, ready Pod", _state(pod))
        if allowed and on not in allowed:
            return Mismatch(f"the Pod {name} is on another node", ", ".join(allowed), on or "none")
        for path, wanted, seen in wrong_fields(pod, fields):
            return Mismatch(f"the Pod {name}: {path} is not as asked", wanted, seen)
    if per_node is not None and (crowded := [on for on, number in where.items() if number > per_node]):
        return Mismatch(f"too many Pods are on {crowded[0]}", f"at most {per_node}", str(where[crowded[0]]))
    return None


def _state(pod: Object) -> str:
    waits = [c["state"]["waiting"].get("reason", "") for c in pod.get("status", {}).get("containerStatuses") or []
             if "waiting" in c.get("state", {})]  # fmt: skip
    where = f"on {pod['spec']['nodeName']}" if pod["spec"].get("nodeName") else "without a node"
    return " ".join([_phase(pod) or "unknown", where, *waits])
