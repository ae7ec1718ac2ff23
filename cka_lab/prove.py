"""The author's proof (`cka-lab dev check`): run a scenario for real and compare with what it declares.

Untouched it scores 0, every solution scores full, each mistake scores exactly what it declares and is
diagnosed, grading twice agrees, a reset returns to the baseline, and nothing is left behind.
"""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from cka_lab.errors import Cancelled, CkaLabError, NotAvailable, NotFound
from cka_lab.lab import Lab, Labs
from cka_lab.model import Attempt, Outcome
from cka_lab.wait import Progress

if TYPE_CHECKING:
    from cka_lab.schema import Scenario


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the proof: ``what`` was run, what it had to be, what it was; seconds of wall time."""

    what: str
    expected: str
    found: str
    ok: bool
    seconds: float
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Proof:
    """All findings of one scenario on one provider."""

    scenario: str
    provider: str
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        return bool(self.findings) and all(f.ok for f in self.findings)


@dataclass(slots=True)
class _Prover:
    labs: Labs
    scenario: Scenario
    provider: str
    show: Callable[[Finding], None]
    cancel: threading.Event
    findings: list[Finding] = field(default_factory=list)

    def note(self, what: str, expected: str, found: str, since: float, ok: bool, detail: str = "") -> None:
        finding = Finding(what, expected, found, ok, time.monotonic() - since, detail)
        self.findings.append(finding)
        self.show(finding)

    def graded(self, lab: Lab, what: str, score: int, diagnosis: str = "", since: float | None = None) -> None:
        """Grade twice: the score must be exact, both must agree, nothing may be our error."""
        since = time.monotonic() if since is None else since
        first = lab.grade(cancel=self.cancel)
        second = lab.grade(cancel=self.cancel)
        found = _tell(first)
        ok = first.score.earned == score and not _errors(first)
        if ok and diagnosis and diagnosis not in [d.code for d in first.diagnoses]:
            ok, found = False, f"{found}, diagnosed {[d.code for d in first.diagnoses] or 'nothing'}"
        if _outcomes(first) != _outcomes(second):
            ok, found = False, f"{found}, graded again {_tell(second)}"
        expected = f"{score}/{self.scenario.weight}" + (f" ({diagnosis})" if diagnosis else "")
        self.note(what, expected, found, since, ok, "" if ok else _explain(first))

    def answer(self, lab: Lab, script: Path, score: int, diagnosis: str = "") -> None:
        """Run a solution or mistake from the baseline, grade it, and go back."""
        since = time.monotonic()
        what = str(script.relative_to(self.scenario.folder))
        ended = lab.run_script(script)
        if score == self.scenario.weight and ended.code != 0:
            self.note(what, "exit 0", f"exit {ended.code}", since, False, ended.errors[-1500:])
            return
        self.graded(lab, what, score, diagnosis, since)
        since = time.monotonic()
        if why := lab.reset(Progress(cancel=self.cancel)):
            self.note(f"reset after {what}", "in place", f"with a new cluster: {why}", since, False)
        self.graded(lab, f"reset after {what}", 0, since=since)


def prove(
    labs: Labs,
    scenario: Scenario,
    provider: str,
    show: Callable[[Finding], None] = lambda finding: None,
    *,
    quick: bool = False,
    cancel: threading.Event | None = None,
) -> Proof:
    """Prove one scenario on one provider. Everything that goes wrong becomes a finding. ``quick``: no proof, but a
    sample: untouched, its first solution, a reset.

    Cancelled passes through, and NotAvailable where the lab can't even be started here.
    """
    prover = _Prover(labs, scenario, provider, show, cancel or threading.Event())
    since = time.monotonic()
    try:
        lab = labs.start(scenario.id, provider, Progress(cancel=prover.cancel))
        try:
            prover.note("start", "up and broken", "up and broken", since, True)
            (_sample if quick else _run_all)(prover, lab)
        finally:
            with suppress(NotFound):  # a reset may have failed as a whole
                lab.stop()
        left = lab.id in labs.providers[provider].labs()
        prover.note("stop", "nothing left", "left over" if left else "nothing left", time.monotonic(), not left)
    except Cancelled:
        raise
    except Exception as error:
        if isinstance(error, NotAvailable) and not prover.findings:
            raise
        text = error.message if isinstance(error, CkaLabError) else f"{type(error).__name__}: {error}"
        prover.note("run", "no failure of ours", text, since, False, traceback.format_exc(limit=-3))
    return Proof(scenario.id, provider, tuple(prover.findings))


def _sample(prover: _Prover, lab: Lab) -> None:
    prover.graded(lab, "untouched", 0)
    prover.answer(lab, prover.scenario.solutions()[0], prover.scenario.weight)


def _run_all(prover: _Prover, lab: Lab) -> None:
    scenario = prover.scenario
    _sample(prover, lab)
    for script in scenario.solutions()[1:]:
        prover.answer(lab, script, scenario.weight)
    for mistake in scenario.mistakes:
        prover.answer(lab, scenario.folder / mistake.run, mistake.score, mistake.diagnosis or "")
    if len(scenario.mistakes) < 2:
        prover.note("mistakes", "at least 2", str(len(scenario.mistakes)), time.monotonic(), False)


def _outcomes(attempt: Attempt) -> list[Outcome]:
    return [check.outcome for check in attempt.checks]


def _errors(attempt: Attempt) -> list[str]:
    return [f"{c.id}: {c.error}" for c in attempt.checks if c.outcome is Outcome.ERROR]


def _tell(attempt: Attempt) -> str:
    codes = ", ".join(d.code for d in attempt.diagnoses)
    return f"{attempt.score.earned}/{attempt.score.possible}" + (f" ({codes})" if codes else "")


def _explain(attempt: Attempt) -> str:
    lines = _errors(attempt)
    for check in attempt.checks:
        if check.outcome is Outcome.FAIL and check.mismatch:
            m = check.mismatch
            lines.append(f"{check.id}: {m.message} (expected {m.expected or '-'}, found {m.found or '-'})")
    return "\n".join(lines)
