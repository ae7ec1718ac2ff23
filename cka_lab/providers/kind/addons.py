"""What a cluster can have on top: metrics-server, one controller for Gateway API and Ingress, helm.

A manifest is the node image's own where it has one (``/kind/addons``), else the one pinned beside this file. Nothing is
pulled: images must be in the nodes already.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import resources
from typing import TYPE_CHECKING, Any

from cka_lab.api import Addon, KubeClient, NotServed
from cka_lab.errors import CommandFailed, LabFailure, TimedOut
from cka_lab.providers.kind import helm, trial
from cka_lab.wait import Progress, until

if TYPE_CHECKING:
    from cka_lab.providers.kind.cluster import KindCluster
    from cka_lab.providers.kind.node import KindNode

CLASS = "lab"
"""What the GatewayClass and the IngressClass are called, whatever the manifest calls them."""
ON_NODE = "/kind/addons"
CRDS = "gateway-api-crds.yaml"
CONTROLLER = (CRDS, "traefik.yaml")
FILES: Mapping[Addon, Sequence[str]] = {
    Addon.HELM: (),
    Addon.GATEWAY: CONTROLLER,
    Addon.INGRESS: CONTROLLER,
    Addon.METRICS_SERVER: ("metrics-server.yaml",),
}
"""In the order of installing: an aggregated API that does not answer yet slows down every kubectl after it."""
APPLY = ["kubectl", "apply", "--server-side", "--force-conflicts", "--field-manager=cka-lab", "-f", "-"]
APPLY_SECONDS = 60.0
READY_SECONDS = 150.0
"""Measured: a controller 4-8 s, metrics 20-30 s."""
NO_IMAGE = ("ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName")
ONLY_OURS = f"--providers.kubernetesingress.ingressclass={CLASS}"
"""Without it Traefik serves an Ingress that names no class, too."""
TOLERATION = {"key": "node-role.kubernetes.io/control-plane", "operator": "Exists", "effect": "NoSchedule"}
FIX = "start the lab anew; if that doesn't help, see `cka-lab doctor`"


def install(cluster: KindCluster, names: Sequence[str], progress: Progress) -> None:
    """Install add-ons and wait until they work; those that are there stay. LabFailure, NotAvailable, Cancelled."""
    wanted = _known(names)
    if Addon.HELM in wanted:
        with progress.step("add-on helm"):
            helm.bring([cluster.node(name) for name in cluster.names()], progress)
    files = list(dict.fromkeys(file for addon in wanted for file in FILES[addon]))
    if files:
        with progress.step("manifests of add-ons"):
            for file in files:
                progress.check()
                _apply(cluster, file, progress)
    for addon in wanted:
        if question := QUESTIONS.get(addon):
            with progress.step(f"add-on {addon}"):
                _wait(cluster, addon, question, progress)


def images_of(names: Sequence[str]) -> tuple[str, ...]:
    """The container images that the pinned manifests of these add-ons need, each once."""
    files = (file for addon in _known(names) for file in FILES[addon] if file != CRDS)
    found = (c["image"] for file in files for pod in _pods(_parsed(pinned(file))) for c in pod["containers"])
    return tuple(dict.fromkeys(found))


def pinned(file: str) -> bytes:
    """A manifest of ours."""
    return (resources.files("cka_lab.providers.kind") / "manifests" / file).read_bytes()


def adapted(objects: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """A manifest's objects as tasks expect them, changed in place: classes named ``lab`` and nothing served without
    one; pods that run on control planes, too. Our own manifests are so already.
    """
    for one in objects:
        if one["kind"] in ("IngressClass", "GatewayClass"):
            one["metadata"]["name"] = CLASS
    for pod in _pods(objects):
        if TOLERATION not in pod.setdefault("tolerations", []):
            pod["tolerations"].append(TOLERATION)
        for container in pod["containers"]:
            args = container.get("args", [])
            if "--providers.kubernetesingress" in args and ONLY_OURS not in args:
                args.append(ONLY_OURS)
    return list(objects)


def _known(names: Sequence[str]) -> list[Addon]:
    """In the order of installing."""
    if strange := sorted(set(names) - set(Addon)):
        raise LabFailure(f"there is no add-on {strange[0]!r}, only {', '.join(sorted(Addon))}")
    return [addon for addon in FILES if addon in names]


def _parsed(manifest: bytes) -> list[dict[str, Any]]:
    import yaml

    return [one for one in yaml.load_all(manifest, getattr(yaml, "CSafeLoader", yaml.SafeLoader)) if one]


def _pods(objects: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The pods' specifications in Deployments."""
    return [one["spec"]["template"]["spec"] for one in objects if one["kind"] == "Deployment"]


# -- putting them there -----------------------------------------------------------------------------------------


def _apply(cluster: KindCluster, file: str, progress: Progress) -> None:
    import yaml

    node = cluster.node()
    manifest = _manifest(node, file)
    if file != CRDS:
        manifest = yaml.safe_dump_all(adapted(_parsed(manifest))).encode()
    try:
        node.run(APPLY, stdin=manifest, timeout=APPLY_SECONDS)
    except CommandFailed as error:
        raise LabFailure(f"{file} can't be applied: {error.err.strip()[-300:]}", fix=FIX) from error
    if file == CRDS:
        _wait(cluster, file, _kinds_there, progress)


def _manifest(node: KindNode, file: str) -> bytes:
    """The node image's own, else ours."""
    try:
        return node.read(f"{ON_NODE}/{file}")
    except FileNotFoundError:
        return pinned(file)


# -- waiting for them -------------------------------------------------------------------------------------------

Question = Callable[[KubeClient], None]
"""Raises, with what is missing, until the add-on works."""


def _wait(cluster: KindCluster, what: str, question: Question, progress: Progress) -> None:
    client = KubeClient(cluster.node(), cluster.client_files())

    def works() -> bool:
        question(client)
        return True

    try:
        until(
            works, what, timeout=READY_SECONDS, every=0.3, cancel=progress.cancel, hopeless=partial(_no_image, client)
        )
    except TimedOut as error:
        raise LabFailure(f"an add-on did not come up: {error.message}", fix=FIX) from error


def _no_image(client: KubeClient) -> str:
    """An add-on's pod that waits for an image in vain."""
    try:
        pods = [*client.list("Pod", "traefik"), *client.list("Pod", "kube-system", labels="k8s-app=metrics-server")]
    except (LabFailure, NotServed):
        return ""
    for pod in pods:
        if any(word in (state := trial.state_of(pod)) for word in NO_IMAGE):
            images = ", ".join(container["image"] for container in pod["spec"]["containers"])
            return f"the Pod {pod['metadata']['name']} can't have its image {images}: {state}"
    return ""


def _kinds_there(client: KubeClient) -> None:
    served = {kind["name"] for kind in client.raw("/apis/gateway.networking.k8s.io/v1")["resources"]}
    if lacking := {"gatewayclasses", "gateways", "httproutes"} - served:
        raise LabFailure(f"the API server does not serve {min(lacking)}")


def _gateway_works(client: KubeClient) -> None:
    _deployed(client, "traefik", "traefik")
    _holds(_there(client, "GatewayClass", CLASS), "Accepted")


def _ingress_works(client: KubeClient) -> None:
    _deployed(client, "traefik", "traefik")
    _there(client, "IngressClass", CLASS)


def _metrics_work(client: KubeClient) -> None:
    _deployed(client, "kube-system", "metrics-server")
    _holds(_there(client, "APIService", "v1beta1.metrics.k8s.io"), "Available")
    measured = {found["metadata"]["name"] for found in client.list("metrics.k8s.io/v1beta1/nodes")}
    if lacking := {found["metadata"]["name"] for found in client.list("Node")} - measured:
        raise LabFailure(f"no metrics of the node {min(lacking)}")


QUESTIONS: Mapping[Addon, Question] = {
    Addon.GATEWAY: _gateway_works,
    Addon.INGRESS: _ingress_works,
    Addon.METRICS_SERVER: _metrics_work,
}


def _there(client: KubeClient, kind: str, name: str, namespace: str | None = None) -> Mapping[str, Any]:
    found = client.get(kind, name, namespace)
    if found is None:
        raise LabFailure(f"there is no {kind} {name}")
    return found


def _holds(found: Mapping[str, Any], wanted: str) -> None:
    """Is a condition True?"""
    conditions = {c["type"]: c for c in found.get("status", {}).get("conditions") or []}
    condition = conditions.get(wanted, {})
    if condition.get("status") != "True":
        why = condition.get("message", "nothing is said of it")
        raise LabFailure(f"{found['kind']} {found['metadata']['name']} is not {wanted}: {why}")


def _deployed(client: KubeClient, namespace: str, name: str) -> None:
    """Do all pods of a Deployment run as it is now, and none as it was before?"""
    found = _there(client, "Deployment", name, namespace)
    status, wanted = found.get("status", {}), found["spec"].get("replicas", 1)
    counts = {status.get(word) for word in ("replicas", "updatedReplicas", "availableReplicas")}
    if status.get("observedGeneration") == found["metadata"]["generation"] and counts == {wanted}:
        return
    labels = ",".join(f"{k}={v}" for k, v in found["spec"]["selector"]["matchLabels"].items())
    states = [trial.state_of(pod) for pod in client.list("Pod", namespace, labels=labels)]
    raise LabFailure(f"Deployment {name} is not ready: {'; '.join(states) or 'it has no Pod'}")
