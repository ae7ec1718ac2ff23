"""Results and events: frozen values that every front end shows and the store keeps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """What became of one check."""

    PASS = "pass"
    FAIL = "fail"
    ERROR = "error"
    """Could not be checked, also after a retry: our failure, no points are lost silently."""
    SKIP = "skip"
    """Not looked at, because a check it hangs on did not pass."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A known wrong way. ``code`` is stable (kebab-case, named in `mistakes`); ``lesson`` is for the learner."""

    code: str
    lesson: str


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Why a check failed, in the learner's terms."""

    message: str
    expected: str = ""
    found: str = ""
    diagnosis: Diagnosis | None = None


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check of one attempt. ``seconds`` is wall time; ``error`` is filled for ERROR only."""

    id: str
    says: str
    outcome: Outcome
    points: int
    guard: bool = False
    mismatch: Mismatch | None = None
    error: str = ""
    seconds: float = 0.0

    @property
    def earned(self) -> int:
        return self.points if self.outcome is Outcome.PASS else 0


@dataclass(frozen=True, slots=True)
class Score:
    """Integers inside; ``unchecked`` are points that hang on a check we could not make."""

    earned: int
    possible: int
    unchecked: int = 0

    def __add__(self, other: Score) -> Score:
        return Score(self.earned + other.earned, self.possible + other.possible, self.unchecked + other.unchecked)

    @property
    def percent(self) -> int:
        """Whole percent, rounded down, so that 100 means full marks. The one place where it is computed."""
        return 100 * self.earned // self.possible if self.possible else 0

    @property
    def full(self) -> bool:
        return self.possible > 0 and self.earned == self.possible


NO_SCORE = Score(0, 0)


@dataclass(frozen=True, slots=True)
class TaskResult:
    """All checks of one task. A broken guard makes the score 0; ``penalty``: what its hints cost, in points."""

    id: str
    weight: int
    checks: tuple[CheckResult, ...]
    penalty: int = 0

    @property
    def broken_guards(self) -> tuple[CheckResult, ...]:
        return tuple(c for c in self.checks if c.guard and c.outcome is Outcome.FAIL)

    @property
    def score(self) -> Score:
        if self.broken_guards:
            return Score(0, self.weight)
        earned = max(0, sum(c.earned for c in self.checks) - self.penalty)
        if any(c.guard and c.outcome is Outcome.ERROR for c in self.checks):
            return Score(0, self.weight, earned + self._unchecked())
        return Score(earned, self.weight, self._unchecked())

    def _unchecked(self) -> int:
        return sum(c.points for c in self.checks if c.outcome is Outcome.ERROR)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One grading of a whole scenario. ``at`` is seconds since the epoch, ``seconds`` how long it took."""

    scenario: str
    tasks: tuple[TaskResult, ...]
    at: float
    seconds: float

    @property
    def score(self) -> Score:
        return sum((t.score for t in self.tasks), NO_SCORE)

    @property
    def checks(self) -> tuple[CheckResult, ...]:
        return tuple(c for t in self.tasks for c in t.checks)

    @property
    def diagnoses(self) -> tuple[Diagnosis, ...]:
        """Each known wrong way once, in the order of the checks."""
        found = (c.mismatch.diagnosis for c in self.checks if c.mismatch)
        return tuple(dict.fromkeys(d for d in found if d))


@dataclass(frozen=True, slots=True)
class StepStarted:
    """A long procedure began its next visible step."""

    title: str


@dataclass(frozen=True, slots=True)
class StepDetail:
    """How far the present step is, in a few words that replace the last ones."""

    text: str


@dataclass(frozen=True, slots=True)
class StepFinished:
    """That step is done after ``seconds``; ``error`` is empty unless it failed."""

    title: str
    seconds: float
    error: str = ""


@dataclass(frozen=True, slots=True)
class CheckStarted:
    task: str
    check: str


@dataclass(frozen=True, slots=True)
class CheckWaiting:
    """The check waits until something has held for its stated age: ``seconds`` are missing. Or for the lab to follow
    the last change (``what``), for so many seconds at most.
    """

    task: str
    check: str
    seconds: float
    what: str = ""


@dataclass(frozen=True, slots=True)
class CheckFinished:
    task: str
    result: CheckResult


@dataclass(frozen=True, slots=True)
class StillFollowing:
    """The lab was still following the learner's last change when it was graded: ``what`` would have been waited for."""

    what: str

    def __str__(self) -> str:
        return f"The lab was still following your last change; this was not waited for: {self.what}."


Event = StepStarted | StepDetail | StepFinished | CheckStarted | CheckWaiting | CheckFinished | StillFollowing
Emit = Callable[[Event], None]


def ignore(event: Event) -> None:
    """The Emit of callers that show nothing."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Something recorded at set-up, kept outside the learner's reach.

    For a key: ``value`` is the stored bytes in base64 and ``created`` etcd's create revision.
    ``facts`` holds whatever else the fault recorded (revision, total keys, sha256 ...).
    """

    name: str
    key: str = ""
    value: str = ""
    created: int = 0
    facts: dict[str, Any] = field(default_factory=dict)
