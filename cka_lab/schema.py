"""The models of scenario.yaml: frozen, and strict about types and fields. Schema version 1.

pydantic takes 0.1 s to import: only what loads YAML imports this module.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

DOMAINS = ("storage", "troubleshooting", "workloads-scheduling", "cluster-architecture", "services-networking")
Domain = Literal["storage", "troubleshooting", "workloads-scheduling", "cluster-architecture", "services-networking"]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=60)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=20_000)]
Line = Annotated[str, StringConstraints(min_length=1, max_length=300, pattern=r"^[^\n]*$")]


class Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, populate_by_name=False)


class Cluster(Strict):
    """What a scenario needs. ``unjoined``: machines that are not in the cluster; ``kubeadm``: patches of kubeadm's
    configuration, each a YAML document with its kind.
    """

    control_planes: Literal[1, 3] = 1
    workers: Annotated[int, Field(ge=0, le=5)] = 0
    unjoined: Annotated[int, Field(ge=0, le=3)] = 0
    etcd_members: Literal[1, 3] = 1
    kubeadm: tuple[Text, ...] = ()
    addons: tuple[Literal["metrics-server", "gateway", "ingress", "helm"], ...] = ()


class GraderCall(Strict):
    """A grader with its params."""

    uses: str
    with_: Annotated[dict[str, Any], Field(alias="with")] = {}


class Step(Strict):
    """A fault or set-up step with its params; ``bites`` must hold before the learner sees the lab."""

    uses: str
    with_: Annotated[dict[str, Any], Field(alias="with")] = {}
    bites: GraderCall | None = None


class Check(Strict):
    """A grader's question, its points, and what it ``says`` to the learner.

    ``after``: counts only if those checks passed. ``guard``: true at the start, no points; broken, the task scores 0.
    """

    id: Slug
    points: Annotated[int, Field(ge=0, le=100)] = 0
    uses: str
    with_: Annotated[dict[str, Any], Field(alias="with")] = {}
    after: tuple[str, ...] = ()
    guard: bool = False
    says: Line


class When(Strict):
    """A hint is for the moment when this check has this outcome."""

    check: str
    outcome: Literal["pass", "fail", "error", "skip"] = "fail"


class Hint(Strict):
    text: Text
    when: When | None = None
    costs: Annotated[int, Field(ge=0, le=100)] = 0


class Task(Strict):
    """One thing asked. ``weight`` is the sum of its checks' points."""

    id: Slug
    weight: Annotated[int, Field(ge=1, le=100)]
    host: Slug | None = None
    text: Text
    checks: Annotated[tuple[Check, ...], Field(min_length=1)]
    hints: tuple[Hint, ...] = ()


class Mistake(Strict):
    """A near miss: a script, the exact score that it must get, and the diagnosis that must show."""

    run: str
    score: Annotated[int, Field(ge=0)]
    diagnosis: Slug | None = None
    says: Line


def _reference(value: Any) -> Any:
    if isinstance(value, str) and not value.startswith("https://"):
        raise ValueError("must be an https:// address")
    return value


class ScenarioFile(Strict):
    """scenario.yaml."""

    schema_: Annotated[Literal[1], Field(alias="schema")]
    title: Line
    domain: Domain
    topics: tuple[Slug, ...] = ()
    difficulty: Literal[1, 2, 3]
    minutes: Annotated[int, Field(ge=1, le=180)]
    providers: tuple[Slug, ...] = ()
    requires: tuple[str, ...] = ()
    cluster: Cluster = Cluster()
    setup: tuple[Step, ...] = ()
    faults: tuple[Step, ...] = ()
    tasks: Annotated[tuple[Task, ...], Field(min_length=1)]
    mistakes: tuple[Mistake, ...] = ()
    images: tuple[str, ...] = ()
    references: tuple[Annotated[str, BeforeValidator(_reference)], ...] = ()
    explanation: Text


@dataclass(frozen=True)
class Scenario:
    """A loaded scenario: the file, and where it came from. Fields of the file are attributes of this, too."""

    file: ScenarioFile
    folder: Path
    pack: str

    @property
    def id(self) -> str:
        return self.folder.name

    @property
    def title(self) -> str:
        return self.file.title

    @property
    def domain(self) -> Domain:
        return self.file.domain

    @property
    def topics(self) -> tuple[str, ...]:
        return self.file.topics

    @property
    def difficulty(self) -> int:
        return self.file.difficulty

    @property
    def minutes(self) -> int:
        return self.file.minutes

    @property
    def providers(self) -> tuple[str, ...]:
        return self.file.providers

    @property
    def requires(self) -> tuple[str, ...]:
        return self.file.requires

    @property
    def cluster(self) -> Cluster:
        return self.file.cluster

    @property
    def setup(self) -> tuple[Step, ...]:
        return self.file.setup

    @property
    def faults(self) -> tuple[Step, ...]:
        return self.file.faults

    @property
    def tasks(self) -> tuple[Task, ...]:
        return self.file.tasks

    @property
    def mistakes(self) -> tuple[Mistake, ...]:
        return self.file.mistakes

    @property
    def images(self) -> tuple[str, ...]:
        return self.file.images

    @property
    def references(self) -> tuple[str, ...]:
        return self.file.references

    @property
    def explanation(self) -> str:
        return self.file.explanation

    @property
    def weight(self) -> int:
        """All points that can be had."""
        return sum(task.weight for task in self.tasks)

    def solutions(self) -> list[Path]:
        """solution.sh, then every other right way of solutions/."""
        return [self.folder / "solution.sh", *sorted((self.folder / "solutions").glob("*.sh"))]


FIELDS: dict[str, type[Strict]] = {
    "": ScenarioFile,
    "cluster": Cluster,
    "setup": Step,
    "faults": Step,
    "bites": GraderCall,
    "tasks": Task,
    "checks": Check,
    "hints": Hint,
    "when": When,
    "mistakes": Mistake,
}


def fields_at(path: tuple[str | int, ...]) -> list[str]:
    """The fields that a mapping at this path may have."""
    names = [part for part in path if isinstance(part, str)]
    model = FIELDS.get(names[-1] if names else "", ScenarioFile)
    return [field.alias or name for name, field in model.model_fields.items()]
