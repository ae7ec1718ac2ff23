"""A throw-away Pod, made by the cluster's own controllers: the proof that it works."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from cka_lab.api import KubeClient, NotServed, TrialPod
from cka_lab.errors import TrialFailed

RUNS_WITHIN = 90.0
"""Seconds; measured: 1.5 in a calm cluster, 16 after a restore."""
SANDBOX_IMAGE = "registry.k8s.io/pause:3.10"


@contextmanager
def pod(client: KubeClient, image: str, namespace: str) -> Iterator[TrialPod]:
    """A Pod of a Deployment of ours, running an ``image``; the Deployment is deleted afterwards. TrialFailed."""
    name = f"cka-lab-trial-{secrets.token_hex(3)}"
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    began = time.monotonic()
    _make(client, path, _deployment(name, image), began + RUNS_WITHIN)
    try:
        found = _running(client, namespace, name, began + RUNS_WITHIN)
        yield TrialPod(
            namespace, found["metadata"]["name"], found["spec"]["nodeName"], found["status"].get("podIP", ""),
            time.monotonic() - began,
        )  # fmt: skip
    finally:
        with suppress(NotServed):
            client.send("DELETE", f"{path}/{name}?propagationPolicy=Background")


def _make(client: KubeClient, path: str, body: dict[str, Any], deadline: float) -> None:
    """An API server that is just coming back may take some tries."""
    while True:
        try:
            client.send("POST", path, body)
            return
        except NotServed as error:
            if "already exists" in error.why:  # it was taken, though the answer came too late
                return
            if time.monotonic() > deadline:
                raise TrialFailed(f"the API server takes no new Deployment: {error.why}") from error
        time.sleep(0.5)


def _running(client: KubeClient, namespace: str, name: str, deadline: float) -> Any:
    seen = "no controller made a Pod of it"
    while time.monotonic() < deadline:
        pods: list[Any] = []
        try:
            pods = list(client.list("Pod", namespace, labels=f"app={name}"))
        except NotServed as error:
            seen = error.why
        for found in pods:
            status = found.get("status", {})
            if status.get("phase") == "Running" and all(c.get("ready") for c in status.get("containerStatuses") or []):
                return found
            seen = state_of(found)
        time.sleep(0.2)
    raise TrialFailed(f"a new Pod did not run within {RUNS_WITHIN:.0f} s: {seen}")


def state_of(found: Any) -> str:
    """Why a Pod is not running yet, as far as it says."""
    status = found.get("status", {})
    if not found["spec"].get("nodeName"):
        said = [c.get("message", "") for c in status.get("conditions") or [] if c.get("type") == "PodScheduled"]
        return f"no scheduler gave it a node {said[0] if said else ''}".strip()
    waits = [c["state"]["waiting"].get("reason", "") for c in status.get("containerStatuses") or []
             if "waiting" in c.get("state", {})]  # fmt: skip
    return f"it is {status.get('phase')} on {found['spec']['nodeName']} {', '.join(waits)}".strip()


def image(every: Iterable[str]) -> str:
    """Of the images that every node has the one of the Pods' own sandboxes."""
    return next((name for name in every if name.rsplit(":", 1)[0].endswith("/pause")), SANDBOX_IMAGE)


def _deployment(name: str, image: str) -> dict[str, Any]:
    labels = {"app": name}
    container = {"name": "trial", "image": image, "imagePullPolicy": "IfNotPresent"}
    spec = {"containers": [container], "terminationGracePeriodSeconds": 0, "automountServiceAccountToken": False,
            "tolerations": [{"operator": "Exists", "effect": "NoSchedule"}]}  # fmt: skip
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "labels": labels},
        "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": spec}},
    }
