"""One sitting at a scenario: a pure state machine. The time is always passed in, as seconds since the epoch.

::

    PREPARING --begin--> RUNNING <--pause / resume--> PAUSED
        any of these --finish--> FINISHED      (a reset begins a new session: the clock starts anew)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from cka_lab.errors import UsageError


class Phase(StrEnum):
    PREPARING = "preparing"
    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class Session:
    """``deadline`` counts while RUNNING, ``left`` (seconds) otherwise; both are wall time."""

    id: int
    lab: str
    scenario: str
    provider: str
    minutes: int
    phase: Phase = Phase.PREPARING
    started: float | None = None
    deadline: float | None = None
    left: float = 0.0
    finished: float | None = None
    hints: tuple[str, ...] = ()

    def remaining(self, now: float) -> float:
        """Seconds left; below zero once the time is up."""
        if self.phase is Phase.RUNNING and self.deadline is not None:
            return self.deadline - now
        if self.phase is Phase.PREPARING:
            return self.minutes * 60.0
        return self.left

    def due(self, now: float) -> bool:
        """Is the time up while the clock runs?"""
        return self.phase is Phase.RUNNING and self.remaining(now) <= 0

    def begin(self, now: float) -> Session:
        """The prompt is there: the clock starts. No effect when it has started already."""
        if self.phase is not Phase.PREPARING:
            return self
        return replace(self, phase=Phase.RUNNING, started=now, deadline=now + self.minutes * 60)

    def pause(self, now: float) -> Session:
        self._must_be(Phase.RUNNING, "pause")
        return replace(self, phase=Phase.PAUSED, left=self.remaining(now), deadline=None)

    def resume(self, now: float) -> Session:
        self._must_be(Phase.PAUSED, "resume")
        return replace(self, phase=Phase.RUNNING, deadline=now + self.left)

    def finish(self, now: float) -> Session:
        """The last grading is made: the clock stops. Finishing twice changes nothing."""
        if self.phase is Phase.FINISHED:
            return self
        return replace(self, phase=Phase.FINISHED, left=max(0.0, self.remaining(now)), deadline=None, finished=now)

    def used(self, now: float) -> float:
        """Seconds of clock time used so far."""
        return self.minutes * 60 - self.remaining(now)

    def show_hint(self, key: str) -> Session:
        return self if key in self.hints else replace(self, hints=(*self.hints, key))

    def _must_be(self, phase: Phase, verb: str) -> None:
        if self.phase is not phase:
            raise UsageError(f"can't {verb}: the session is {self.phase.value}")
