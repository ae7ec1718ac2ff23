"""A Labs and a Lab that answer at once and always the same: the TUI without a sandbox."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from cka_lab.errors import Cancelled
from cka_lab.lab import Availability, LabStatus
from cka_lab.model import (
    Attempt,
    CheckFinished,
    CheckResult,
    CheckStarted,
    CheckWaiting,
    Diagnosis,
    Emit,
    Mismatch,
    Outcome,
    StepFinished,
    StepStarted,
    TaskResult,
    ignore,
)
from cka_lab.session import Session
from cka_lab.wait import Progress

NOW = 1_800_000_000.0
DOLLAR = b"\x1b[1mroot@controlplane\x1b[0m:\x1b[34m~\x1b[0m# "
PROMPT = DOLLAR + b"etcdctl endpoint health\r\nhttps://127.0.0.1:2379 is healthy\r\n" + DOLLAR


@dataclass
class Check:
    id: str
    points: int
    says: str
    guard: bool = False


@dataclass
class Hint:
    text: str
    costs: int = 0
    when: Any = None


@dataclass
class Task:
    id: str
    weight: int
    text: str
    checks: list[Check]
    hints: list[Hint] = field(default_factory=list)
    host: str = "controlplane"


@dataclass
class Scenario:
    id: str
    title: str
    domain: str
    difficulty: int
    minutes: int
    tasks: list[Task]
    folder: Path
    topics: tuple[str, ...] = ("etcd",)
    explanation: str = "A snapshot is taken from a **live** member, so that nothing has to stop."
    references: tuple[str, ...] = ("https://etcd.io/docs/v3.5/op-guide/recovery/",)

    @property
    def weight(self) -> int:
        return sum(task.weight for task in self.tasks)

    def solutions(self) -> list[Path]:
        return [self.folder / "solution.sh"]


def scenarios(folder: Path) -> list[Scenario]:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "solution.sh").write_text(SOLUTION)
    save = Task(
        "save",
        5,
        TASK,
        [
            Check("valid", 2, "/backup/etcd.db is a true snapshot"),
            Check("now", 2, "it holds what etcd held when you were asked"),
            Check("report", 1, "/backup/revision.txt names the snapshot's revision"),
            Check("healthy", 0, "etcd stays up", guard=True),
        ],
        [Hint("Which of etcd's ports speaks to *clients*?"), Hint("`etcdctl snapshot save` wants three files.")],
    )
    rows = [
        ("etcd-snapshot-save", "Save a snapshot of etcd", "cluster-architecture", 1, 6),
        ("etcd-snapshot-restore", "Restore etcd from a snapshot", "cluster-architecture", 2, 9),
        ("etcd-client-port", "etcd listens where nobody asks", "troubleshooting", 2, 7),
        (
            "etcd-manifest",
            "A control plane that does not come back after a change in its manifest",
            "troubleshooting",
            3,
            10,
        ),
        ("workload-limits", "Limits for a workload", "workloads-scheduling", 1, 5),
    ]
    return [Scenario(*row, tasks=[save], folder=folder) for row in rows]


class StaticShell:
    """A pty on which fixed bytes have arrived; whatever is typed goes nowhere."""

    def __init__(self, text: bytes = PROMPT) -> None:
        self.fd, self._child = os.openpty()
        self._over = threading.Event()
        os.write(self._child, text.replace(b"\r\n", b"\n"))

    def resize(self, rows: int, cols: int) -> None:
        pass

    def wait(self, timeout: float | None = None) -> int | None:
        return 0 if self._over.wait(timeout) else None

    def close(self) -> None:
        if not self._over.is_set():
            self._over.set()
            os.close(self._child)
            os.close(self.fd)


class FakeLabs:
    """``slow``: an event that start, check and reset wait for (and a cancel ends)."""

    def __init__(self, folder: Path, *, running: bool = False, slow: threading.Event | None = None) -> None:
        self.found = scenarios(folder)
        self.catalog = SimpleNamespace(scenarios=lambda: self.found, problems=[], get=self._get)
        self.store = SimpleNamespace(best=lambda: {"etcd-snapshot-save": (4, 5)})
        self.clock = lambda: NOW
        self.slow = slow
        self.lab = FakeLab(self, self.found[0])
        self.running = running
        self.fails: Exception | None = None
        self.calls: list[str] = []

    def _get(self, id: str) -> Scenario:
        return next(s for s in self.found if s.id == id)

    def availability(self, scenario: Scenario) -> Availability:
        if scenario.domain == "workloads-scheduling":
            return Availability((), ("sandbox: lacks kube-api, workloads",))
        return Availability(("sandbox",), ())

    def status(self) -> list[LabStatus]:
        if not self.running:
            return []
        lab = self.lab
        return [LabStatus(lab.id, lab.scenario.id, "sandbox", NOW, True, lab.session.phase.value, lab.remaining())]

    def start(self, id: str, provider: str | None = None, progress: Progress | None = None) -> FakeLab:
        progress = progress or Progress()
        for title, seconds in (("laying out the node", 0.1), ("starting etcd", 0.4), ("set-up 1 of 1", 0.2)):
            progress.emit(StepStarted(title))
            progress.emit(StepFinished(title, seconds))
        progress.emit(StepStarted("fault 1 of 1"))
        self.pause(progress.cancel)
        if self.fails:
            raise self.fails
        self.running = True
        self.lab = FakeLab(self, self._get(id))
        return self.lab

    def open(self, lab_id: str | None = None) -> FakeLab:
        return self.lab

    def stop(self, lab_id: str | None = None) -> str:
        self.calls.append(f"stop {lab_id}")
        self.running = False
        return str(lab_id)

    def leftovers(self) -> list[str]:
        return []

    def pause(self, cancel: threading.Event) -> None:
        while self.slow and not self.slow.wait(0.02):
            if cancel.is_set():
                raise Cancelled


class FakeLab:
    def __init__(self, labs: FakeLabs, scenario: Scenario) -> None:
        self.labs, self.scenario = labs, scenario
        self.id = f"{scenario.id}-0000"
        self.session = Session(1, self.id, scenario.id, "sandbox", scenario.minutes)
        self.right = False
        self.graded: list[Any] = []

    def now(self) -> float:
        return self.labs.clock()

    def remaining(self) -> float:
        return self.session.remaining(self.now())

    def begin(self) -> None:
        self.session = self.session.begin(self.now())

    def pause(self) -> None:
        self.session = self.session.pause(self.now())

    def resume(self) -> None:
        self.session = self.session.resume(self.now())

    def shell(self, rows: int, cols: int, term: str = "xterm-256color") -> StaticShell:
        return StaticShell()

    def check(self, emit: Emit = ignore, cancel: threading.Event | None = None, *, wait: bool = False) -> Attempt:
        task = self.scenario.tasks[0]
        results = right_results(task) if self.right else wrong_results(task)
        for check in task.checks:
            emit(CheckStarted(task.id, check.id))
        emit(CheckFinished(task.id, results[0]))
        emit(CheckWaiting(task.id, task.checks[-1].id, 12.0))
        self.labs.pause(cancel or threading.Event())
        if self.labs.fails:
            raise self.labs.fails
        for result in results:
            emit(CheckFinished(task.id, result))
        return Attempt(self.scenario.id, (TaskResult(task.id, task.weight, tuple(results)),), NOW, 0.4)

    def finish(self, emit: Emit = ignore, cancel: threading.Event | None = None, *, time_up: bool = False) -> Attempt:
        attempt = self.check(emit, cancel)
        self.session = self.session.finish(self.now())
        self.graded.append(SimpleNamespace(kind="time-up" if time_up else "finish", attempt=attempt))
        return attempt

    def attempts(self) -> list[Any]:
        return self.graded

    def hint(self) -> Hint | None:
        hints = self.scenario.tasks[0].hints
        given = len(self.session.hints)
        if given == len(hints):
            return None
        self.session = self.session.show_hint(f"save/{given}")
        return hints[given]

    def shown_hints(self) -> list[Hint]:
        return self.scenario.tasks[0].hints[: len(self.session.hints)]

    def reset(self, progress: Progress | None = None) -> None:
        self.labs.pause((progress or Progress()).cancel)
        self.session = replace(
            Session(self.session.id + 1, self.id, self.scenario.id, "sandbox", self.scenario.minutes)
        )


def right_results(task: Task) -> list[CheckResult]:
    return [CheckResult(c.id, c.says, Outcome.PASS, c.points, c.guard, seconds=0.1) for c in task.checks]


def wrong_results(task: Task) -> list[CheckResult]:
    valid, now, report, healthy = task.checks
    return [
        CheckResult(valid.id, valid.says, Outcome.PASS, 2),
        CheckResult(now.id, now.says, Outcome.FAIL, 2, mismatch=STALE),
        CheckResult(report.id, report.says, Outcome.SKIP, 1, mismatch=Mismatch(f"counts only when “{now.says}” holds")),
        CheckResult(healthy.id, healthy.says, Outcome.ERROR, 0, True, error="TimedOut: no answer within 3 s"),
    ]


STALE = Mismatch(
    "the snapshot is older than the task",
    expected="revision 1243 or later",
    found="revision 871",
    diagnosis=Diagnosis("stale-snapshot", "This is the old file that lay in /backup already. Save a new one."),
)
TASK = """\
The cluster will be upgraded tonight. Save a snapshot of etcd to `/backup/etcd.db`.

- etcd listens on `https://127.0.0.1:2379`.
- The certificates are in `/etc/kubernetes/pki/etcd`.

Write the snapshot's revision to `/backup/revision.txt`.
"""
SOLUTION = """\
#!/bin/bash
pki=/etc/kubernetes/pki/etcd
etcdctl --cacert $pki/ca.crt --cert $pki/server.crt --key $pki/server.key snapshot save /backup/etcd.db
"""
