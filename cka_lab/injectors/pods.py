"""Faults on static pods: their manifests are edited as text, so that they keep their looks."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from cka_lab.api import LabFailure, LabWriter, Node, NodeView, fault, until

MANIFESTS = "/etc/kubernetes/manifests"
GONE_WITHIN = 40.0
"""Seconds: a pod's own grace is 30."""


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
    place.write(path, text.encode(), info.mode if info else 0o600)


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
    """Move a static pod's manifest out of its folder and wait until its containers are gone; both paths."""
    path = manifest_of(node, pod)
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
    node.run(["mv", "-T", "--", aside, path])
