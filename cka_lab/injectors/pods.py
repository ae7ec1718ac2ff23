"""Faults on static pods: their manifests are edited as text, so that they keep their looks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

from cka_lab.api import LabFailure, LabPath, LabWriter, Node, NodeView, fault, until

MANIFESTS = "/etc/kubernetes/manifests"
GONE_WITHIN = 40.0
"""Seconds: a pod's own grace is 30."""
HALT = """
pkill -STOP -x kubelet
pods=$(crictl pods -q --name "^$1-$3\\$")
# with etcd the API server ends: one without etcd keeps the kubelet waiting for 34 s before it starts anything
[ "$1" != etcd ] || crictl rmp -f $(crictl pods -q --name "^kube-apiserver-$3\\$") >/dev/null 2>&1
for pod in $pods; do
    for container in $(crictl ps -q --pod "$pod"); do crictl stop -t "$2" "$container" >/dev/null; done
    crictl rmp -f "$pod" >/dev/null
done
# the kubelet waits 3 s for each group of processes without any
find /sys/fs/cgroup -depth -type d -name 'cri-containerd-*.scope' -exec rmdir {} + 2>/dev/null
exit 0
"""
GO_ON = "pkill -CONT -x kubelet; systemctl start kubelet"
"""A kubelet that is started while there is no API server takes no pod away, and so follows no change of a manifest
until there is one: whoever repairs it would wait in vain. So it is held up, and not stopped.
"""
GRACE = {"etcd": 10}
"""Seconds for a pod to end by itself, where that matters."""


def manifest_of(node: NodeView, pod: str) -> str:
    """The path of the file that defines a static pod (its first, by name)."""
    for name in node.list(MANIFESTS):
        path = f"{MANIFESTS}/{name}"
        if not name.startswith(".") and _defines(node.read(path, 1 << 20).decode(errors="replace"), pod):
            return path
    raise LabFailure(f"no file in {MANIFESTS} defines the pod {pod}")


def _defines(text: str, pod: str) -> bool:
    found = re.search(r"^metadata:\n((?:[ #].*\n|\n)*)", text, re.MULTILINE)
    return bool(found and re.search(rf"^  name:\s*[\"']?{re.escape(pod)}[\"']?\s*$", found[1], re.MULTILINE))


@fault("set_pod_args")
def set_pod_args(
    lab: LabWriter,
    *,
    pod: str,
    set_: Mapping[str, str | int | bool] | None = None,
    remove: Sequence[str] = (),
    node: str | None = None,
) -> None:
    """Set and remove flags (names without dashes) of a static pod's command; its kubelet restarts it."""
    place = lab.node(node)
    path = manifest_of(place, pod)
    values = {name: str(v).lower() if isinstance(v, bool) else str(v) for name, v in (set_ or {}).items()}
    text = edit_args(place.read(path).decode(), values, remove)
    info = place.stat(path)
    rewrite(place, pod, path, text.encode(), info.mode if info else 0o600)


def rewrite(node: Node, pod: str, path: str, data: bytes, mode: int = 0o600) -> None:
    """Put another manifest of a running pod into the folder, and have a real kubelet follow it at once."""
    with _halted(node, pod):
        node.write(path, data, mode)


@fault("set_pod_volume")
def set_pod_volume(
    lab: LabWriter,
    *,
    pod: str,
    volume: str,
    host_path: LabPath | None = None,
    mount_path: LabPath | None = None,
    node: str | None = None,
) -> None:
    """Let a static pod's volume have another ``host_path``, or be mounted elsewhere; its kubelet restarts it."""
    place = lab.node(node)
    path = manifest_of(place, pod)
    text = place.read(path).decode()
    for word, value, pattern in (
        (
            "hostPath",
            host_path,
            rf"(  - hostPath:\n      path: )\S+((?:\n      type: \S+)?\n    name: {re.escape(volume)}\n)",
        ),
        ("mountPath", mount_path, rf"(    - mountPath: )\S+(\n      name: {re.escape(volume)}\n)"),
    ):
        if value is not None:
            text, count = re.subn(pattern, lambda m, v=value: f"{m[1]}{v}{m[2]}", text)  # type: ignore[misc]
            if count != 1:
                raise LabFailure(f"set_pod_volume: {path} has not one {word} of a volume {volume}")
    rewrite(place, pod, path, text.encode())


@fault("break_manifest")
def break_manifest(
    lab: LabWriter,
    *,
    pod: str,
    how: Literal["remove", "invalid", "duplicate", "fields"],
    fields: Mapping[str, Any] | None = None,
    node: str | None = None,
) -> None:
    """Break a static pod's manifest: remove the file, spoil its YAML, lay a second one beside it, or set ``fields``
    of its container (image, command, resources, livenessProbe ...; null removes one).
    """
    place = lab.node(node)
    path = manifest_of(place, pod)
    text = place.read(path).decode()
    if how == "remove":
        with _halted(place, pod):
            place.remove(path)
    elif how == "duplicate":
        place.write(f"{MANIFESTS}/{pod}-backup.yaml", text.encode(), 0o600)
    else:
        new = text.replace("  containers:", "  containers", 1) if how == "invalid" else _with_fields(text, fields or {})
        rewrite(place, pod, path, new.encode())


def _with_fields(text: str, fields: Mapping[str, Any]) -> str:
    import yaml

    pod = yaml.safe_load(text)
    container = pod["spec"]["containers"][0]
    for name, value in fields.items():
        container[name] = value
        if value is None:
            del container[name]
    return str(yaml.safe_dump(pod, sort_keys=True))


def edit_args(manifest: str, values: Mapping[str, str], remove: Sequence[str] = ()) -> str:
    """The manifest with other flags; new ones stand behind the last flag there is. LabFailure."""
    lines = manifest.splitlines(keepends=True)
    at = {m[2]: i for i, line in enumerate(lines) if (m := re.match(r"(\s*- )[\"']?--([\w.-]+)", line))}
    if missing := [name for name in remove if name not in at]:
        raise LabFailure(f"the manifest has no flag {', '.join(missing)}")
    if not at:
        raise LabFailure("the manifest has no flags")
    last = max(at.values())
    indent = lines[last][: lines[last].index("-")]
    flags = {name: f"{indent}- --{name}={value}\n" for name, value in values.items()}
    new = [line for name, line in flags.items() if name not in at]
    for name, i in at.items():
        lines[i] = "" if name in remove else flags.get(name, lines[i])
    lines[last] += "".join(new)
    return "".join(lines)


def stop_pod(node: Node, pod: str) -> tuple[str, str]:
    """Move a static pod's manifest out of its folder and wait until its containers are gone; both paths.

    A real kubelet would take a minute without its API server: it is held up meanwhile, and the pod ended without it.
    """
    path = manifest_of(node, pod)
    if has_kubelet(node):
        halt(node, pod)
        return path, path
    aside = f"{MANIFESTS}/.{path.rsplit('/', 1)[-1]}"
    pids = [c.pid for c in node.containers() if c.manifest == path and c.pid]
    node.run(["mv", "-T", "--", path, aside])
    until(
        lambda: not any(p.pid in pids for p in node.processes()),
        f"the end of the pod {pod}",
        timeout=GONE_WITHIN,
        every=0.01,
    )
    return path, aside


def start_pod(node: Node, path: str, aside: str) -> None:
    """Move the manifest back."""
    if aside == path:
        go_on(node)
    else:
        node.run(["mv", "-T", "--", aside, path])


def has_kubelet(node: NodeView) -> bool:
    """Is there a real one, under systemd?"""
    return node.stat("/run/systemd/system") is not None


def halt(node: Node, pod: str) -> None:
    """Hold the kubelet up and end a static pod; nothing of the pod is left, so that no back-off is either."""
    node.run(["bash", "-c", HALT, "halt", pod, str(GRACE.get(pod, 0)), node.name], timeout=60)


@contextmanager
def _halted(node: Node, pod: str) -> Iterator[None]:
    """For a change of a pod's manifest; the sandbox's kubelet follows one at once by itself."""
    real = has_kubelet(node)
    if real:
        halt(node, pod)
    yield
    if real:
        go_on(node)


def go_on(node: Node) -> None:
    """Let the kubelet work again after halt()."""
    node.run(["bash", "-c", GO_ON], timeout=60)
