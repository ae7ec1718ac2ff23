"""How values are said on every screen: a symbol and a word each, never a colour alone."""

from __future__ import annotations

from cka_lab.model import Outcome, Score

OUTCOMES = {
    Outcome.PASS: ("✓", "pass", "$text-success"),
    Outcome.FAIL: ("✗", "fail", "$text-error"),
    Outcome.ERROR: ("!", "could not check", "$text-warning"),
    Outcome.SKIP: ("–", "skipped", "$text-muted"),
}
"""By outcome: symbol, word, style."""

DIFFICULTIES = {1: "●○○ easy", 2: "●●○ medium", 3: "●●● hard"}


def clock_time(seconds: float) -> str:
    """Seconds as ``m:ss``; what is over zero is shown with a minus."""
    whole = int(abs(seconds))
    return f"{'-' if seconds <= -1 else ''}{whole // 60}:{whole % 60:02}"


def time_left(seconds: float) -> str:
    """``8:32 left``, or that the time is up."""
    return f"{clock_time(seconds)} left" if seconds > 0 else "time is up"


def duration(seconds: float) -> str:
    """A measured time: ``0.4 s``, ``2 min 5 s``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60} s"


def points(number: int) -> str:
    return f"{number} point{'' if number == 1 else 's'}"


def score(value: Score) -> str:
    """``4 of 5 points (80 %)``, and what could not be checked."""
    text = f"{value.earned} of {points(value.possible)} ({value.percent} %)"
    if value.unchecked:
        text += f"; {points(value.unchecked)} could not be checked: that is ours, not yours"
    return text


def difficulty(level: int) -> str:
    return DIFFICULTIES.get(level, str(level))
