"""Static pods as the manifests folder defines them: names, commands, and which host path is mounted where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from cka_lab.errors import Unreadable
from cka_lab.etcd.process import parse_flags

if TYPE_CHECKING:
    from cka_lab.api import NodeView

MANIFESTS = "/etc/kubernetes/manifests"


@dataclass(frozen=True, slots=True)
class PodFile:
    """One file of the manifests folder that holds a pod. ``mounts``: container path to host path."""

    path: str
    name: str
    argv: tuple[str, ...]
    mounts: Mapping[str, str]

    @property
    def flags(self) -> dict[str, str]:
        return parse_flags(self.argv[1:])

    def host_path(self, inside: str) -> str | None:
        """Where on the node the container's path lies; None where nothing is mounted there."""
        path = PurePosixPath(inside)
        for mount in sorted(self.mounts, key=len, reverse=True):
            if path.is_relative_to(mount):
                return str(PurePosixPath(self.mounts[mount]) / path.relative_to(mount))
        return None


def pod_files(node: NodeView) -> list[PodFile]:
    """What a kubelet reads there: every file whose name does not begin with a dot, as far as it holds a pod."""
    found = []
    for name in node.list(MANIFESTS):
        if not name.startswith("."):
            pod = read_pod(node, f"{MANIFESTS}/{name}")
            if isinstance(pod, PodFile):
                found.append(pod)
    return found


def read_pod(node: NodeView, path: str) -> PodFile | str:
    """The pod of one file, or why there is none."""
    try:
        return parse_pod(path, node.read(path, 1 << 20))
    except FileNotFoundError:
        return "it does not exist"
    except Unreadable as error:
        return error.message
    except ValueError as error:
        return str(error)
    except (AttributeError, TypeError, KeyError, IndexError):
        return "it is no complete Pod (metadata.name, spec.containers, volumes with names)"


def parse_pod(path: str, data: bytes) -> PodFile:
    """Raises ValueError and its like for what is no pod."""
    import yaml

    try:
        pod = yaml.load(data, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from error
    if not isinstance(pod, dict) or pod.get("kind") != "Pod":
        raise ValueError("it does not hold a Pod")
    container = pod["spec"]["containers"][0]
    words = [*(container.get("command") or []), *(container.get("args") or [])]
    return PodFile(path, str(pod["metadata"]["name"]), tuple(str(w) for w in words), _mounts(pod["spec"], container))


def _mounts(spec: Mapping[str, Any], container: Mapping[str, Any]) -> dict[str, str]:
    volumes: Sequence[Mapping[str, Any]] = spec.get("volumes") or []
    hosts = {v.get("name"): (v.get("hostPath") or {}).get("path") for v in volumes}
    mounts: Sequence[Mapping[str, Any]] = container.get("volumeMounts") or []
    return {str(m["mountPath"]): str(hosts[m["name"]]) for m in mounts if hosts.get(m.get("name"))}
