"""Waiting: poll a question until it is answered, keep the last reason, show steps, obey a cancel."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from cka_lab.errors import Cancelled, TimedOut
from cka_lab.model import Emit, StepDetail, StepFinished, StepStarted, ignore

T = TypeVar("T")


def until(
    question: Callable[[], T | None],
    what: str,
    *,
    timeout: float,
    every: float = 0.02,
    cancel: threading.Event | None = None,
    hopeless: Callable[[], str] = lambda: "",
) -> T:
    """Ask ``question`` until it answers something truthy. Seconds throughout.

    An exception counts as "not yet" and its text as the reason. Raises TimedOut with the last reason, or at once
    with what ``hopeless`` says, or Cancelled when ``cancel`` is set meanwhile.
    """
    deadline = time.monotonic() + timeout
    reason = "no answer"
    while True:
        if cancel and cancel.is_set():
            raise Cancelled
        try:
            if answer := question():
                return answer
        except Exception as error:
            reason = str(error) or type(error).__name__
        if end := hopeless():
            raise TimedOut(f"{what}: {end}")
        if time.monotonic() >= deadline:
            raise TimedOut(f"{what}: not within {timeout:g} s ({reason})")
        time.sleep(every)


class Progress:
    """What a long procedure reports to, and asks whether it was cancelled."""

    def __init__(self, emit: Emit = ignore, cancel: threading.Event | None = None) -> None:
        self.emit = emit
        self.cancel = cancel or threading.Event()

    def check(self) -> None:
        """Raise Cancelled if the user cancelled."""
        if self.cancel.is_set():
            raise Cancelled

    def detail(self, text: str) -> None:
        """Say how far the present step is. Raises Cancelled if the user cancelled."""
        self.check()
        self.emit(StepDetail(text))

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """One visible step with its time. Raises Cancelled before it starts if the user cancelled."""
        self.check()
        self.emit(StepStarted(title))
        start = time.monotonic()
        try:
            yield
        except BaseException as error:
            self.emit(StepFinished(title, time.monotonic() - start, str(error) or type(error).__name__))
            raise
        self.emit(StepFinished(title, time.monotonic() - start))
