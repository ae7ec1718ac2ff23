"""The one door to subprocesses on the host: argv lists, allowed exit codes, timeouts, live children."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cka_lab.errors import CommandFailed, NotAvailable


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
) -> Completed:
    """Run ``argv`` to its end, at most ``timeout`` seconds; its whole process group is killed then.

    Raises CommandFailed for an exit code outside ``ok`` or a timeout, NotAvailable if there is no such program.
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
        out, err = child.communicate(stdin, timeout=timeout)
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
