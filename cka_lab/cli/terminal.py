"""A lab's shell in the user's own terminal: raw mode, resizing, and the clock's end."""

from __future__ import annotations

import os
import select
import shutil
import signal
import sys
import termios
import threading
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cka_lab.errors import CkaLabError

if TYPE_CHECKING:
    from cka_lab.api import ShellChannel
    from cka_lab.lab import Lab

POLL = 0.5
"""Seconds between looks at the clock while nothing is typed."""


def run_shell(lab: Lab, node: str | None = None) -> int:
    """Open a shell, start the clock, join it with this terminal until it ends; its exit code."""
    size = shutil.get_terminal_size()
    channel = lab.shell(size.lines, size.columns, os.environ.get("TERM", "xterm-256color"), node=node)
    try:
        with _raw_terminal(), _resizing(channel):
            lab.begin()
            _join(lab, channel)
        return channel.wait(timeout=5) or 0
    finally:
        channel.close()


@contextmanager
def _raw_terminal() -> Iterator[None]:
    before = termios.tcgetattr(0)
    try:
        tty.setraw(0)
        yield
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, before)


@contextmanager
def _resizing(channel: ShellChannel) -> Iterator[None]:
    def on_resize(*_: object) -> None:
        size = os.get_terminal_size(0)
        channel.resize(size.lines, size.columns)

    before = signal.signal(signal.SIGWINCH, on_resize)
    try:
        on_resize()
        yield
    finally:
        signal.signal(signal.SIGWINCH, before)


def _join(lab: Lab, channel: ShellChannel) -> None:
    """Copy bytes both ways until the shell ends, even if its jobs hold the terminal; at zero, grade beside it."""
    told = lab.remaining() <= 0
    while True:
        ready, _, _ = select.select([0, channel.fd], [], [], POLL)
        if not ready and channel.wait(timeout=0) is not None:
            return
        try:
            if channel.fd in ready:
                if not (data := os.read(channel.fd, 65536)):
                    return
                _write_all(1, data)
            if 0 in ready:
                if not (data := os.read(0, 65536)):
                    return
                _write_all(channel.fd, data)
        except OSError:
            return
        if not told and lab.session.due(lab.now()):
            told = True
            threading.Thread(target=_time_up, args=(lab,), daemon=True).start()


def _time_up(lab: Lab) -> None:
    try:
        score = lab.finish(time_up=True).score
        text = f"time is up: graded as it stands, {score.earned} of {score.possible} points. You may look around on."
    except CkaLabError as error:
        text = f"time is up; grading failed: {error.message}"
    sys.stdout.write(f"\r\n\033[7m {text} \033[0m\r\n")
    sys.stdout.flush()


def _write_all(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]
