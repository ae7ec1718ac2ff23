"""Faults and set-up steps on objects of the API, by the node's own kubectl."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from cka_lab.api import LabFailure, LabWriter, NotServed, PackPath, digest, fault, kube, object_key, until

KUBECTL = ("kubectl", "--kubeconfig", "/etc/kubernetes/admin.conf", "--request-timeout=20s")
SECONDS = 120.0
"""A command may wait for what it asked for."""
READY = {
    "Deployment": ("updatedReplicas", "availableReplicas"),
    "StatefulSet": ("updatedReplicas", "availableReplicas"),
    "DaemonSet": ("updatedNumberScheduled", "numberAvailable"),
}


def kubectl(lab: LabWriter, *words: str, stdin: bytes = b"") -> str:
    """Its output. LabFailure with the line that can be pasted."""
    return lab.node().run([*KUBECTL, *words], stdin=stdin, timeout=SECONDS).text


@fault("apply")
def apply(
    lab: LabWriter, *, manifest: str | None = None, from_file: PackPath | None = None, wait: bool = True
) -> None:  # fmt: skip
    """`kubectl apply` of a manifest, given as text or as a file of the scenario's folder; ``wait`` for the rollouts of
    its workloads. A namespace that its objects name and that does not exist is made.
    """
    if (manifest is None) == (from_file is None):
        raise LabFailure("apply: it takes either manifest or from_file")
    data = lab.pack_file(from_file) if from_file is not None else (manifest or "").encode()
    objects = _objects(data)
    for namespace in sorted({o["metadata"].get("namespace", "default") for o in objects}):
        make_namespace(lab, namespace)
    kubectl(lab, "apply", "-f", "-", stdin=data)
    for one in objects if wait else ():
        if one.get("kind") in READY:
            about = one["metadata"]
            kubectl(lab, "-n", about.get("namespace", "default"), "rollout", "status", "--timeout=100s",
                    f"{one['kind'].lower()}/{about['name']}")  # fmt: skip


def make_namespace(lab: LabWriter, name: str) -> None:
    """Nothing to do where it exists."""
    manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    if not kubectl(lab, "get", "namespace", name, "--ignore-not-found", "-o", "name"):
        kubectl(lab, "apply", "-f", "-", stdin=json.dumps(manifest).encode())


def _objects(data: bytes) -> list[dict[str, Any]]:
    import yaml

    try:
        found = [o for o in yaml.safe_load_all(data) if o]
    except yaml.YAMLError as error:
        raise LabFailure(f"apply: {error}") from error
    if not all(isinstance(o, dict) and isinstance(o.get("metadata"), dict) for o in found):
        raise LabFailure("apply: every document must be an object with metadata")
    return found


@fault("delete")
def delete(lab: LabWriter, *, kind: str, name: str, namespace: str | None = None) -> None:
    """Delete an object and wait until it is gone."""
    kubectl(lab, *_within(namespace), "delete", kind, name, "--wait")


@fault("patch")
def patch(
    lab: LabWriter,
    *,
    kind: str,
    name: str,
    patch: Mapping[str, Any],
    namespace: str | None = None,
    type: Literal["strategic", "merge"] = "merge",  # noqa: A002
) -> None:
    """Patch an object."""
    kubectl(lab, *_within(namespace), "patch", kind, name, f"--type={type}", "-p", json.dumps(patch))


@fault("restart")
def restart(lab: LabWriter, *, kind: str, name: str, namespace: str | None = None, wait: bool = True) -> None:
    """Roll a workload's Pods anew; ``wait`` until that is done."""
    words = (*_within(namespace), "rollout")
    kubectl(lab, *words, "restart", f"{kind.lower()}/{name}")
    if wait:
        kubectl(lab, *words, "status", "--timeout=100s", f"{kind.lower()}/{name}")


@fault("mark_node")
def mark_node(
    lab: LabWriter,
    *,
    node: str,
    cordon: bool | None = None,
    labels: Mapping[str, str | None] | None = None,
    taints: Sequence[str] = (),
) -> None:
    """Cordon a Node (or, with ``cordon: false``, undo it), set its labels (null: remove), add ``taints``
    (KEY=VALUE:EFFECT; a closing minus removes)."""
    name = lab.node(node).name
    if cordon is not None:
        kubectl(lab, "cordon" if cordon else "uncordon", name)
    for key, value in (labels or {}).items():
        kubectl(lab, "label", "--overwrite", "node", name, f"{key}-" if value is None else f"{key}={value}")
    for taint in taints:
        kubectl(lab, "taint", "--overwrite", "node", name, taint)


def _within(namespace: str | None) -> tuple[str, ...]:
    return ("-n", namespace) if namespace else ()


def described(lab: LabWriter, objects: Sequence[str]) -> dict[str, dict[str, str]]:
    """uid and digest of the objects named KIND/NAME, KIND/NAMESPACE/NAME or with * for the name."""
    found: dict[str, dict[str, str]] = {}
    for words in objects:
        kind, *namespace, name = words.split("/")
        for one in until(lambda k=kind, s=namespace, n=name: _read(lab, k, n, *s), f"the object {words}", timeout=20):  # type: ignore[misc]
            about = one["metadata"]
            found[object_key(kind, about["name"], about.get("namespace"))] = {
                "uid": about["uid"],
                "digest": digest(one),
            }
    return found


def _read(lab: LabWriter, kind: str, name: str, namespace: str | None = None) -> list[Mapping[str, Any]]:
    client = kube(lab)
    try:
        if name == "*":
            return client.list(kind, namespace)
        one = client.get(kind, name, namespace)
    except NotServed as error:
        raise LabFailure(f"the set-up needs a running API server: {error.why}") from error
    return [one] if one else []
