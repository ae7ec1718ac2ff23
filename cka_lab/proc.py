"""The one door to subprocesses on the host: argv lists, allowed exit codes, timeouts, live children."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cka_lab.errors import Cancelled, CommandFailed, NotAvailable

CANCEL_SECONDS = 0.1
"""How often a command that can be cancelled is looked after."""


@dataclass(frozen=True, slots=True)
class Completed:
    """A finished command: argv, exit code, and its two outputs as bytes."""

    argv: tuple[str, ...]
    code: int
    out: bytes
    err: bytes

    @property
    def text(self) -> str:
        return self.out.decode(errors="replace")

    @property
    def errors(self) -> str:
        return self.err.decode(errors="replace")


_live: set[subprocess.Popen[bytes]] = set()
_lock = threading.Lock()


def run(
    argv: Sequence[str],
    *,
    timeout: float,
    ok: Collection[int] = (0,),
    stdin: bytes = b"",
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    cancel: threading.Event | None = None,
) -> Completed:
    """Run ``argv`` to its end, at most ``timeout`` seconds; its whole process group is killed then, or on ``cancel``.

    Raises CommandFailed for an exit code outside ``ok`` or a timeout, NotAvailable if there is no such program,
    Cancelled.
    """
    try:
        child = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(env) if env is not None else None,
            cwd=cwd,
            start_new_session=True,
        )
    except FileNotFoundError as error:
        raise NotAvailable(f"{argv[0]} is not installed on this machine") from error
    with _lock:
        _live.add(child)
    try:
        out, err = _communicate(child, stdin, timeout, cancel)
    except subprocess.TimeoutExpired as error:
        _kill(child)
        raise CommandFailed(argv, None, (error.stderr or b"").decode(errors="replace")) from error
    except BaseException:
        _kill(child)
        raise
    finally:
        with _lock:
            _live.discard(child)
    if child.returncode not in ok:
        raise CommandFailed(argv, child.returncode, (err or out).decode(errors="replace"))
    return Completed(tuple(argv), child.returncode, out, err)


def detach(argv: Sequence[str], *, log: Path) -> None:
    """Start a process that outlives this one and has nothing of its terminal; what it says is appended to ``log``."""
    with log.open("ab") as out:
        subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True, cwd="/")


def _communicate(
    child: subprocess.Popen[bytes], stdin: bytes, timeout: float, cancel: threading.Event | None
) -> tuple[bytes, bytes]:
    if cancel is None:
        return child.communicate(stdin, timeout=timeout)
    deadline = time.monotonic() + timeout
    pending: bytes | None = stdin
    while True:
        try:
            return child.communicate(pending, timeout=CANCEL_SECONDS)
        except subprocess.TimeoutExpired:
            pending = None  # it is being sent
            if cancel.is_set():
                raise Cancelled from None
            if time.monotonic() > deadline:
                raise


def end_all() -> None:
    """Kill every live child of this process: called on quit, since worker threads can't be cancelled."""
    with _lock:
        children = list(_live)
    for child in children:
        _kill(child)


def _kill(child: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.communicate()
