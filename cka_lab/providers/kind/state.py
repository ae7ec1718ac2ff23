"""What is kept of a kind lab on the host: which cluster it has, and of what shape."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from cka_lab.api import ClusterSpec


@dataclass(slots=True)
class State:
    """``cluster``: the name for kind. ``data_dirs``: etcd's directory at the baseline, by node."""

    cluster: str = ""
    image: str = ""
    spec: ClusterSpec = field(default_factory=ClusterSpec)
    data_dirs: dict[str, str] = field(default_factory=dict)
    api_at_baseline: bool = True
    etcd_at_baseline: bool = True

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
        return [_numbered(f"{self.cluster}-worker", i) for i in range(self.spec.workers)]

    @property
    def nodes(self) -> list[str]:
        """Container names, the first control plane first."""
        return [*self.control_planes, *self.workers]

    @property
    def base(self) -> str:
        return f"{self.cluster}-base"

    @property
    def aliases(self) -> dict[str, str]:
        """The names that tasks use, which don't change from lab to lab: controlplane, node01 ..."""
        names = {_numbered("controlplane", i): name for i, name in enumerate(self.control_planes)}
        return names | {f"node{i + 1:02}": name for i, name in enumerate(self.workers)}


def _numbered(name: str, index: int) -> str:
    """As kind counts: nothing for the first, then 2, 3 ..."""
    return name if index == 0 else f"{name}{index + 1}"
