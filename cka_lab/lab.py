"""The facade: every verb of the command line, the TUI and the tests, in two classes.

``Labs`` knows scenarios, providers and the store; ``Lab`` is one learner's place with its session.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cka_lab.api import Cluster, ClusterSpec, Completed, Mark, Provider, ShellChannel, Spare
from cka_lab.errors import CkaLabError, LabFailure, LabGone, NotAvailable, NotFound, UsageError
from cka_lab.faults import bring_about, observe
from cka_lab.grading import View, Writer, grade
from cka_lab.model import Attempt, Emit, Outcome, ignore
from cka_lab.session import Session
from cka_lab.store import AttemptRow, LabRow, Store
from cka_lab.wait import Progress

if TYPE_CHECKING:
    from cka_lab.catalog import Catalog
    from cka_lab.index import Summary
    from cka_lab.schema import Hint, Scenario, Task

SOLUTION_SECONDS = 300.0
"""How long a solution or mistake may run."""


def built_in_providers() -> dict[str, Provider]:
    """The providers that ship with the program, the preferred one first."""
    from cka_lab.providers.kind import KindProvider
    from cka_lab.providers.sandbox import SandboxProvider

    return {"sandbox": SandboxProvider(), "kind": KindProvider()}


@dataclass(frozen=True, slots=True)
class Availability:
    """Where a scenario can be practised here; ``reasons`` says, per provider, why not."""

    providers: tuple[str, ...]
    reasons: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.providers)

    @property
    def why_not(self) -> str:
        return "; ".join(self.reasons)


@dataclass(frozen=True, slots=True)
class LabStatus:
    """A row of `cka-lab status`. ``remaining`` in seconds; ``problem`` is empty when all is well."""

    id: str
    scenario: str
    provider: str
    created: float
    alive: bool
    phase: str
    remaining: float
    problem: str = ""


class Labs:
    """All labs of this user. Builds nothing until asked."""

    def __init__(
        self,
        catalog: Catalog,
        store: Store | None = None,
        providers: Mapping[str, Provider] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.catalog = catalog
        self.store = store or Store()
        self.providers = providers if providers is not None else built_in_providers()
        self.clock = clock

    def availability(self, scenario: Scenario | Summary) -> Availability:
        """Where ``scenario`` can run here and now; cheap, changes nothing."""
        good, reasons = [], []
        for name, provider in self.providers.items():
            if why := _why_not(scenario, provider):
                reasons.append(f"{name}: {why}")
            else:
                good.append(name)
        return Availability(tuple(good), tuple(reasons))

    def start(self, scenario_id: str, provider: str | None = None, progress: Progress | None = None) -> Lab:
        """A lab in the scenario's broken state, baseline saved. On failure or cancel nothing is left.

        Raises NotFound, UsageError, NotAvailable, Cancelled, LabFailure.
        """
        progress = progress or Progress()
        scenario = self.catalog.get(scenario_id)
        where = self._choose(scenario, provider)
        row = LabRow(
            f"{scenario.id}-{os.urandom(2).hex()}",
            scenario.id,
            str(scenario.folder),
            where,
            self.clock(),
            False,
            {},
        )
        self.store.add_lab(row)
        cluster, row = self.bring_up(row, scenario, progress)
        session = self.store.add_session(row.id, scenario.id, where, scenario.minutes)
        return Lab(self, row, scenario, cluster, session)

    def bring_up(self, row: LabRow, scenario: Scenario, progress: Progress) -> tuple[Cluster, LabRow]:
        """A cluster in the scenario's state, its baseline saved and its marks stored. Else the lab is removed."""
        marks: dict[str, Mark] = {}
        try:
            cluster = self.providers[row.provider].create(row.id, _spec(scenario), progress)
            bring_about(scenario, self.catalog.registry(scenario), Writer(cluster, marks, scenario.folder), progress)
            with progress.step("saving the starting point"):
                cluster.save_baseline(progress)
            progress.check()
        except BaseException:
            with suppress(CkaLabError):  # else the lab stays listed as never finished, for `stop` and `clean`
                self._remove(row)
            raise
        self.store.lab_ready(row.id, marks)
        return cluster, self.store.lab(row.id)

    def open(self, lab_id: str | None = None) -> Lab:
        """The lab of that id (or a unique beginning of it), else the latest one. NotFound."""
        row = self._find(lab_id)
        if not row.ready:
            raise UsageError(f"the lab {row.id} was never finished", fix=f"`cka-lab stop {row.id}` removes it")
        cluster = self.providers[row.provider].attach(row.id)
        return Lab(self, row, self.catalog.load_folder(Path(row.folder)), cluster, self.store.session(row.id))

    def status(self) -> list[LabStatus]:
        """Every lab of which anything is left, known to the store or not."""
        rows = {row.id: row for row in self.store.labs()}
        status = [self._status(row) for row in rows.values()]
        for name, provider in self.providers.items():
            status += [
                LabStatus(lab, "", name, 0, False, "", 0, "left over: not in the database")
                for lab in provider.labs()
                if lab not in rows
            ]
        return status

    def stop(self, lab_id: str | None = None) -> str:
        """Remove a lab whole, the latest where none is named; its id. History stays, and perhaps a spare cluster."""
        row = self._find(lab_id)
        if row.provider in self.providers:
            self.providers[row.provider].retire(row.id)
        self.store.remove_lab(row.id)
        return row.id

    def spares(self) -> list[Spare]:
        """Clusters that are kept between labs."""
        return [spare for provider in self.providers.values() for spare in provider.spares()]

    def clean(self) -> list[str]:
        """Remove every lab, every spare cluster and every left-over; their ids."""
        removed = [row.id for row in self.store.labs()]
        for row in self.store.labs():
            self._remove(row)
        removed += [spare.id for spare in self.spares()]
        for provider in self.providers.values():
            provider.drop_spares()
        return removed + self.remove_leftovers()

    def leftovers(self) -> list[str]:
        """Ids of labs that exist but are not in the database, or were never finished by a program that died."""
        known = {row.id for row in self.store.labs()}
        return [lab for p in self.providers.values() for lab in p.labs() if lab not in known]

    def remove_leftovers(self) -> list[str]:
        removed = self.leftovers()
        for provider in self.providers.values():
            for lab in set(provider.labs()) & set(removed):
                provider.delete(lab)
        return removed

    def history(self, scenario: str | None = None) -> list[AttemptRow]:
        return self.store.attempts(scenario=scenario)

    def _choose(self, scenario: Scenario, provider: str | None) -> str:
        if provider and provider not in self.providers:
            raise UsageError(f"there is no provider {provider!r}", fix=f"use one of: {', '.join(self.providers)}")
        available = self.availability(scenario)
        if provider is None and available:
            return available.providers[0]
        if provider in available.providers:
            return str(provider)
        raise NotAvailable(f"{scenario.id} is not available here: {available.why_not}", fix="see `cka-lab doctor`")

    def _find(self, lab_id: str | None) -> LabRow:
        rows = self.store.labs()
        if lab_id is None:
            if not rows:
                raise NotFound("no lab is running", fix="`cka-lab start ID` starts one")
            return rows[0]
        found = [r for r in rows if r.id == lab_id] or [r for r in rows if r.id.startswith(lab_id)]
        if len(found) == 1:
            return found[0]
        if found:
            raise UsageError(f"{lab_id!r} could be any of: {', '.join(r.id for r in found)}")
        raise NotFound(f"there is no lab {lab_id!r}", fix="see `cka-lab status`")

    def _status(self, row: LabRow) -> LabStatus:
        problem, phase, remaining, alive = "", "", 0.0, False
        try:
            alive = self.providers[row.provider].attach(row.id).alive()
            session = self.store.session(row.id)
            phase, remaining = session.phase.value, session.remaining(self.clock())
            problem = "" if alive else "its processes are gone: `cka-lab reset` brings it back"
        except (CkaLabError, KeyError) as error:
            problem = error.message if isinstance(error, CkaLabError) else f"no provider {row.provider}"
        if not row.ready:
            problem = "never finished (or just being started): `cka-lab stop` removes it"
        return LabStatus(row.id, row.scenario, row.provider, row.created, alive, phase, remaining, problem)

    def _remove(self, row: LabRow) -> None:
        if row.provider in self.providers:
            self.providers[row.provider].delete(row.id)
        self.store.remove_lab(row.id)


class Lab:
    """One lab with its session. Methods that take long report to ``emit`` or ``progress``."""

    def __init__(self, labs: Labs, row: LabRow, scenario: Scenario, cluster: Cluster, session: Session) -> None:
        self.labs, self.row, self.scenario = labs, row, scenario
        self.cluster, self.session = cluster, session
        self.registry = labs.catalog.registry(scenario)

    @property
    def id(self) -> str:
        return self.row.id

    def now(self) -> float:
        return self.labs.clock()

    def remaining(self) -> float:
        """Seconds left on the clock."""
        return self.session.remaining(self.now())

    def begin(self) -> None:
        """The prompt is there: start the clock, unless it has been started."""
        self._keep(self.session.begin(self.now()))

    def pause(self) -> None:
        self._keep(self.session.pause(self.now()))

    def resume(self) -> None:
        self._keep(self.session.resume(self.now()))

    def shell(self, rows: int, cols: int, term: str = "xterm-256color", *, node: str | None = None) -> ShellChannel:
        """The learner's shell in the lab, or a root shell on a node. LabGone when its processes are not there."""
        return self.cluster.shell(rows, cols, term, node)

    def grade(self, emit: Emit = ignore, cancel: threading.Event | None = None, *, wait: bool = True) -> Attempt:
        """Grade without keeping the result. ``wait``: as for grading.grade()."""
        self._must_live()
        return grade(
            self.scenario, self.registry, self.cluster, self.row.marks,
            emit=emit, cancel=cancel, penalties=self._penalties(), wait=wait,
        )  # fmt: skip

    def check(self, emit: Emit = ignore, cancel: threading.Event | None = None, *, wait: bool = False) -> Attempt:
        """Grade and keep the result; the clock runs on. ``wait``: as for grading.grade()."""
        return self._graded("check", emit, cancel, wait)

    def finish(self, emit: Emit = ignore, cancel: threading.Event | None = None, *, time_up: bool = False) -> Attempt:
        """Grade what stands, keep it as the session's result, stop the clock."""
        attempt = self._graded("time-up" if time_up else "finish", emit, cancel, wait=True)
        self._keep(self.session.finish(self.now()))
        return attempt

    def hint(self) -> Hint | None:
        """The next hint for what is still wrong now, or None when there is none left. Remembers it as shown."""
        now = (
            grade(self.scenario, self.registry, self.cluster, self.row.marks, patient=False, wait=False)
            if self._any_when()
            else None
        )
        for task, number, hint in self._hints():
            key = f"{task.id}/{number}"
            if key not in self.session.hints and (now is None or _fits(hint, task, now)):
                self._keep(self.session.show_hint(key))
                return hint
        return None

    def shown_hints(self) -> list[Hint]:
        return [hint for task, n, hint in self._hints() if f"{task.id}/{n}" in self.session.hints]

    def run_script(self, script: Path) -> Completed:
        """Run a solution or a mistake of the scenario in the lab, as root; any exit code is fine.

        A line `# host: NAME` in it says on which node, instead of the first one.
        """
        text = script.read_text()
        found = re.search(r"^# host: (\S+)$", text, re.MULTILINE)
        node = self.cluster.node(found[1] if found else None)
        return node.run(["/bin/bash", "-c", text], timeout=SOLUTION_SECONDS, ok=range(256))

    def reset(self, progress: Progress | None = None) -> str:
        """Back to the broken state the learner first saw, shown to bite again; a new session begins.

        Where that can't be shown to have worked in place, the lab gets a new cluster. Returns why; empty as a rule.
        """
        progress, why = progress or Progress(), ""
        try:
            self.cluster.reset(progress)
            with progress.step("seeing that it is broken again"):
                observe(self.scenario, self.registry, View(self.cluster, self.row.marks), progress)
        except LabFailure as error:
            why = _first_line(error)
            self._renew(progress, why)
        store = self.labs.store
        self.session = store.add_session(self.id, self.scenario.id, self.row.provider, self.scenario.minutes)
        return why

    def _renew(self, progress: Progress, why: str) -> None:
        """A new cluster for this lab."""
        progress.check()
        self._must_be_available()
        with progress.step(f"that did not work in place ({why}): a new cluster"):
            self.labs.providers[self.row.provider].delete(self.id)
        self.labs.store.lab_begun(self.id)
        self.cluster, self.row = self.labs.bring_up(self.row, self.scenario, progress)

    def stop(self) -> None:
        """Remove the lab whole."""
        self.labs.stop(self.id)

    def attempts(self) -> list[AttemptRow]:
        """This session's gradings, the latest first."""
        return self.labs.store.attempts(session=self.session.id)

    def _graded(self, kind: str, emit: Emit, cancel: threading.Event | None, wait: bool) -> Attempt:
        used = self.session.used(self.now())
        attempt = self.grade(emit, cancel, wait=wait)
        self.labs.store.add_attempt(self.session, attempt, kind, used)
        return attempt

    def _keep(self, session: Session) -> None:
        if session != self.session:
            self.labs.store.save_session(session)
            self.session = session

    def _must_live(self) -> None:
        if not self.cluster.alive():
            self._must_be_available()
            raise LabGone(
                f"the lab {self.id} is not running any more",
                fix="reset it (`cka-lab reset`): that starts it anew",
            )

    def _must_be_available(self) -> None:
        """Is what the lab runs on there at all, such as docker?"""
        if problems := self.labs.providers[self.row.provider].info().problems:
            raise LabFailure(f"{problems[0].what} ({problems[0].why})", fix=problems[0].fix)

    def _hints(self) -> Iterable[tuple[Task, int, Hint]]:
        return ((task, n, hint) for task in self.scenario.tasks for n, hint in enumerate(task.hints))

    def _any_when(self) -> bool:
        return any(hint.when for _, _, hint in self._hints())

    def _penalties(self) -> dict[str, int]:
        costs: dict[str, int] = {}
        for task, number, hint in self._hints():
            if f"{task.id}/{number}" in self.session.hints:
                costs[task.id] = costs.get(task.id, 0) + hint.costs
        return costs


def _fits(hint: Hint, task: Task, now: Attempt) -> bool:
    """Is the hint for what is wrong now?"""
    result = next(t for t in now.tasks if t.id == task.id)
    if hint.when is None:
        return not result.score.full
    return any(c.id == hint.when.check and c.outcome == Outcome(hint.when.outcome) for c in result.checks)


def _first_line(error: CkaLabError) -> str:
    return error.message.splitlines()[0][:200] if error.message else type(error).__name__


def _spec(scenario: Scenario) -> ClusterSpec:
    shape = scenario.cluster
    return ClusterSpec(**shape.model_dump(), images=scenario.images)


def _why_not(scenario: Scenario | Summary, provider: Provider) -> str:
    """Why ``scenario`` can't run on ``provider`` here, or an empty string."""
    if scenario.providers and provider.name not in scenario.providers:
        return "not made for it"
    info = provider.info()
    if info.problems:
        return "; ".join(f"{p.what} ({p.fix})" for p in info.problems)
    lacking = sorted(set(scenario.requires) - set(info.capabilities))
    return f"lacks {', '.join(lacking)}" if lacking else ""
