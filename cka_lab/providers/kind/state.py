"""What is kept of a kind cluster on the host: what it is named, made of and made as."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from cka_lab.api import ClusterSpec


@dataclass(slots=True)
class State:
    """``cluster``: the name for kind."""

    cluster: str = ""
    image: str = ""
    spec: ClusterSpec = field(default_factory=ClusterSpec)

    @classmethod
    def load(cls, folder: Path) -> State:
        """The saved state; an empty one where none can be read."""
        try:
            data: dict[str, Any] = json.loads((folder / "state.json").read_text())
            data["spec"] = ClusterSpec.of(data["spec"])
            return cls(**data)
        except (OSError, ValueError, TypeError, KeyError):
            return cls()

    def save(self, folder: Path) -> None:
        draft = folder / "state.json.new"
        draft.write_text(json.dumps(asdict(self)))
        draft.rename(folder / "state.json")

    @property
    def control_planes(self) -> list[str]:
        return [_numbered(f"{self.cluster}-control-plane", i) for i in range(self.spec.control_planes)]

    @property
    def workers(self) -> list[str]:
        """The unjoined ones last."""
        return [_numbered(f"{self.cluster}-worker", i) for i in range(self.spec.workers + self.spec.unjoined)]

    @property
    def unjoined(self) -> list[str]:
        return self.workers[self.spec.workers :]

    @property
    def nodes(self) -> list[str]:
        """Container names, the first control plane first."""
        return [*self.control_planes, *self.workers]

    @property
    def joined(self) -> list[str]:
        """The nodes that are in the cluster when it is new."""
        return [*self.control_planes, *self.workers[: self.spec.workers]]

    @property
    def base(self) -> str:
        return f"{self.cluster}-base"

    @property
    def balancer(self) -> str:
        """What stands before several API servers; empty where there is one."""
        return f"{self.cluster}-external-load-balancer" if self.spec.control_planes > 1 else ""

    @property
    def server(self) -> str:
        """The API server's URL in the cluster's network."""
        return f"https://{self.balancer or self.control_planes[0]}:6443"

    @property
    def containers(self) -> list[str]:
        return [*self.nodes, *([self.balancer] if self.balancer else []), self.base]

    @property
    def shape(self) -> tuple[object, ...]:
        """Clusters of the same shape can stand in for one another."""
        spec = self.spec
        return (self.image, spec.control_planes, spec.workers, spec.unjoined, spec.kubeadm)

    @property
    def aliases(self) -> dict[str, str]:
        """The names that tasks use, which don't change from lab to lab: controlplane, node01 ..."""
        names = {_numbered("controlplane", i): name for i, name in enumerate(self.control_planes)}
        return names | {f"node{i + 1:02}": name for i, name in enumerate(self.workers)}


def _numbered(name: str, index: int) -> str:
    """As kind counts: nothing for the first, then 2, 3 ..."""
    return name if index == 0 else f"{name}{index + 1}"
