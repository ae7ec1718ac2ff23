"""Run the checks of a scenario against a lab: checks -> CheckResult -> TaskResult -> Attempt."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import replace
from pathlib import Path
from socket import socket
from typing import TYPE_CHECKING, Any, TypeVar

from cka_lab.api import Bench, Cluster, Container, FileInfo, Mark, Mismatch, Node, NodeView, Process, TrialPod, Unit
from cka_lab.errors import Cancelled
from cka_lab.model import (
    Attempt,
    CheckFinished,
    CheckResult,
    CheckStarted,
    CheckWaiting,
    Emit,
    Outcome,
    StillFollowing,
    TaskResult,
    ignore,
)
from cka_lab.params import bind

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

    from cka_lab.plugins import Registry
    from cka_lab.schema import Check, GraderCall, Scenario, Task

T = TypeVar("T")

PARALLEL = 8
"""Checks at once: they mostly wait for the lab."""
SHORTLY = 4.0
"""Seconds that a whole grading waits for a lab to follow the last change where long waiting was not asked for."""
POLL_SECONDS = 0.4
RETRY_AFTER, RETRY_WITHIN = 0.3, 2.5
"""Seconds before a check that raised is asked once more, and after which it is not: it has waited already."""


class ReadOnlyNode:
    """A node without its writing half: what graders get."""

    def __init__(self, node: NodeView) -> None:
        self.name = node.name
        self._node = node

    def read(self, path: str, limit: int = 16 << 20) -> bytes:
        return self._node.read(path, limit)

    def fetch(self, path: str, to: Path, limit: int = 1 << 30) -> None:
        self._node.fetch(path, to, limit)

    def stat(self, path: str) -> FileInfo | None:
        return self._node.stat(path)

    def list(self, path: str) -> Sequence[str]:
        return self._node.list(path)

    def processes(self) -> Sequence[Process]:
        return self._node.processes()

    def containers(self) -> Sequence[Container]:
        return self._node.containers()

    def connect(self, host: str, port: int, timeout: float = 3.0) -> socket:
        return self._node.connect(host, port, timeout)

    def connect_from(self, pod: str, host: str, port: int, *, udp: bool = False, timeout: float = 3.0) -> socket:
        return self._node.connect_from(pod, host, port, udp=udp, timeout=timeout)

    def unit(self, name: str) -> Unit | None:
        return self._node.unit(name)


class Once:
    """Answers that are computed once within one grading and shared by checks that run in parallel."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._futures: dict[tuple[Any, ...], Future[Any]] = {}

    def __call__(self, key: tuple[Any, ...], make: Callable[[], T]) -> T:
        from concurrent.futures import Future  # 10 ms that `list` need not pay

        with self._lock:
            future = self._futures.get(key)
            mine = future is None
            if future is None:
                future = self._futures[key] = Future()
        if mine:
            try:
                future.set_result(make())
            except BaseException as error:
                future.set_exception(error)
        answer: T = future.result()
        return answer

    def close(self) -> None:
        """Close what can be closed of the answers, such as kept connections."""
        with self._lock:
            done = [future for future in self._futures.values() if future.done() and future.exception() is None]
        for future in done:
            if close := getattr(future.result(), "close", None):
                close()

    def forget_errors(self) -> None:
        """Let what failed be asked anew by a retry."""
        with self._lock:
            for key, future in list(self._futures.items()):
                if future.done() and future.exception() is not None:
                    del self._futures[key]


class View:
    """The LabView of one check: read-only, with one shared memory per grading."""

    def __init__(
        self,
        cluster: Cluster,
        marks: Mapping[str, Mark],
        *,
        once: Once | None = None,
        waiting: Callable[[float, str], None] = lambda seconds, what: None,
        cancel: threading.Event | None = None,
        patient: bool = True,
        follow_until: float = math.inf,
        following: Callable[[str], None] = lambda what: None,
    ) -> None:
        self._follow_until, self._following = follow_until, following
        self.cluster = cluster
        self.provider = cluster.provider
        self.marks = marks
        self.once = once or Once()
        self._waiting = waiting
        self._cancel = cancel or threading.Event()
        self._patient = patient

    def node(self, name: str | None = None) -> NodeView:
        return ReadOnlyNode(self.cluster.node(name))

    def client_files(self) -> Mapping[str, bytes]:
        return self.cluster.client_files()

    def trial_pod(self, namespace: str = "default") -> AbstractContextManager[TrialPod]:
        return self.cluster.trial_pod(namespace)

    def bench(self) -> AbstractContextManager[Bench]:
        return self.cluster.bench()

    def hold(self, age: float, seconds_so_far: Callable[[], float]) -> None:
        """Wait for what is missing of ``age``; return at once when the thing is gone or was restarted."""
        before = -1.0
        while self._patient and before < (so_far := seconds_so_far()) < age:
            if self._cancel.is_set():
                raise Cancelled
            self._waiting(age - so_far, "")
            before = so_far
            time.sleep(min(0.25, age - so_far) + 0.01)

    def follow(self, on_its_way: Callable[[], bool], what: str, within: float = math.inf) -> None:
        """Wait for the lab to follow, as api.LabView says; the attempt tells when the grading did not wait so long."""
        end = time.monotonic() + min(within, self.cluster.follow_seconds)
        while self._patient and on_its_way():
            left = min(end, self._follow_until) - time.monotonic()
            if left <= 0:
                if self._follow_until <= end:
                    self._following(what)
                return
            if self._cancel.is_set():
                raise Cancelled
            self._waiting(left, what)
            time.sleep(min(POLL_SECONDS, left))


class Writer(View):
    """The LabWriter that faults and set-up steps get."""

    def __init__(self, cluster: Cluster, marks: dict[str, Mark], folder: Path) -> None:
        super().__init__(cluster, marks)
        self._recorded = marks
        self._folder = folder

    def node(self, name: str | None = None) -> Node:
        return self.cluster.node(name)

    def record(self, mark: Mark) -> None:
        self._recorded[mark.name] = mark

    def pack_file(self, path: str) -> bytes:
        return (self._folder / path).read_bytes()


def ask(registry: Registry, call: GraderCall | Check, view: View) -> Mismatch | None:
    """Ask one grader. Whatever it raises is ours."""
    function = registry.graders[call.uses].function
    answer: Mismatch | None = function(view, **bind(function, call.with_))
    return answer


def grade(
    scenario: Scenario,
    registry: Registry,
    cluster: Cluster,
    marks: Mapping[str, Mark],
    *,
    emit: Emit = ignore,
    cancel: threading.Event | None = None,
    penalties: Mapping[str, int] | None = None,
    patient: bool = True,
    wait: bool = True,
) -> Attempt:
    """Grade every task of ``scenario``; all checks run in parallel as far as `after` allows.

    ``penalties``: points that shown hints cost, by task id. ``patient=False`` does not wait for ages (hints).
    ``wait=False`` does not wait long until the lab has followed the last change, and tells by StillFollowing.
    Raises Cancelled only; whatever a grader raises becomes an ERROR of its check.
    """
    from concurrent.futures import ThreadPoolExecutor

    started, clock = time.time(), time.monotonic()
    run = _Run(registry, cluster, marks, emit, cancel or threading.Event(), patient, wait)
    with closing(run.once), ThreadPoolExecutor(PARALLEL, thread_name_prefix="check") as pool:
        pending = [(task, run.submit(pool, task)) for task in scenario.tasks]
        tasks = tuple(
            TaskResult(
                task.id,
                task.weight,
                tuple(futures[check.id].result() for check in task.checks),
                (penalties or {}).get(task.id, 0),
            )
            for task, futures in pending
        )
    if run.following:
        emit(StillFollowing(run.following[0]))
    return Attempt(scenario.id, _as_ours(tasks, cluster), started, time.monotonic() - clock)


def _as_ours(tasks: tuple[TaskResult, ...], cluster: Cluster) -> tuple[TaskResult, ...]:
    """Failures as ERROR where something befell the place from outside: they are not the learner's."""
    failed = any(check.outcome is Outcome.FAIL for task in tasks for check in task.checks)
    why = cluster.trouble() if failed else ""
    if not why:
        return tasks

    def ours(check: CheckResult) -> CheckResult:
        if check.outcome not in (Outcome.FAIL, Outcome.SKIP):
            return check
        return replace(check, outcome=Outcome.ERROR, mismatch=None, error=why)

    return tuple(replace(task, checks=tuple(map(ours, task.checks))) for task in tasks)


class _Run:
    """One grading in progress."""

    def __init__(
        self,
        registry: Registry,
        cluster: Cluster,
        marks: Mapping[str, Mark],
        emit: Emit,
        cancel: threading.Event,
        patient: bool,
        wait: bool,
    ) -> None:
        self.follow_until = math.inf if wait else time.monotonic() + SHORTLY
        self.following: list[str] = []
        self.registry, self.cluster, self.marks = registry, cluster, marks
        self.emit, self.cancel, self.patient = emit, cancel, patient
        self.once = Once()

    def submit(self, pool: ThreadPoolExecutor, task: Task) -> dict[str, Future[CheckResult]]:
        """Queue a task's checks, each behind those it hangs on, so that a waiting one never blocks its cause."""
        futures: dict[str, Future[CheckResult]] = {}
        for check in in_order(task):
            causes = [futures[name] for name in check.after]
            futures[check.id] = pool.submit(self.result, task, check, causes)
        return futures

    def result(self, task: Task, check: Check, causes: list[Future[CheckResult]]) -> CheckResult:
        before = [cause.result() for cause in causes]
        if self.cancel.is_set():
            raise Cancelled
        self.emit(CheckStarted(task.id, check.id))
        start = time.monotonic()
        outcome, mismatch, error = _hangs_on(before) or self.outcome(task, check)
        result = CheckResult(
            check.id,
            check.says,
            outcome,
            0 if check.guard else check.points,
            check.guard,
            mismatch,
            error,
            time.monotonic() - start,
        )
        self.emit(CheckFinished(task.id, result))
        return result

    def outcome(self, task: Task, check: Check) -> tuple[Outcome, Mismatch | None, str]:
        """Ask; where that raises, ask once more; then it is an ERROR and says why."""
        view = View(
            self.cluster,
            self.marks,
            once=self.once,
            waiting=lambda seconds, what: self.emit(CheckWaiting(task.id, check.id, seconds, what)),
            cancel=self.cancel,
            patient=self.patient,
            follow_until=self.follow_until,
            following=self.following.append,
        )
        error, began = "", time.monotonic()
        for again in (False, True):
            if again and time.monotonic() - began > RETRY_WITHIN:
                break
            if again:
                self.once.forget_errors()
                time.sleep(RETRY_AFTER)
            try:
                mismatch = ask(self.registry, check, view)
            except Cancelled:
                raise
            except Exception as raised:
                error = f"{type(raised).__name__}: {raised}"
            else:
                return (Outcome.FAIL if mismatch else Outcome.PASS), mismatch, ""
        return Outcome.ERROR, None, error


def in_order(task: Task) -> list[Check]:
    """The checks so that each stands behind those named in its `after` (the loader refuses cycles)."""
    checks = {check.id: check for check in task.checks}
    ordered: dict[str, Check] = {}

    def place(check: Check) -> None:
        for name in check.after:
            if name not in ordered:
                place(checks[name])
        ordered.setdefault(check.id, check)

    for check in task.checks:
        place(check)
    return list(ordered.values())


def _hangs_on(before: list[CheckResult]) -> tuple[Outcome, Mismatch | None, str] | None:
    """What a check becomes when one that it hangs on did not pass."""
    for cause in before:
        if cause.outcome is Outcome.ERROR:
            return Outcome.ERROR, None, f"hangs on “{cause.says}”, which could not be checked"
    for cause in before:
        if cause.outcome is not Outcome.PASS:
            return Outcome.SKIP, Mismatch(f"counts only when “{cause.says}” holds"), ""
    return None
