"""Processes inside the node, from /proc; and the reaping that pid 1 owes to orphans."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from typing import Any

HERTZ = os.sysconf("SC_CLK_TCK")
_spawn_lock = threading.Lock()
_owned: set[int] = set()


def spawn(argv: list[str], **options: Any) -> subprocess.Popen[bytes]:
    """A Popen that the reaper leaves to its owner; give it back with wait()."""
    with _spawn_lock:
        child = subprocess.Popen(argv, **options)
        _owned.add(child.pid)
    return child


def wait(child: subprocess.Popen[bytes]) -> int:
    """Wait for a spawned child to end; its return code."""
    code = child.wait()
    _owned.discard(child.pid)
    return code


def reap_orphans() -> None:
    """For ever: collect ended processes that were left to pid 1."""
    while True:
        try:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
        except ChildProcessError:
            time.sleep(0.2)
            continue
        with _spawn_lock:
            if ended and ended.si_pid not in _owned:
                try:
                    os.waitpid(ended.si_pid, os.WNOHANG)
                except ChildProcessError:
                    pass
                continue
        time.sleep(0.02)


def fields(pid: int) -> list[str]:
    """The fields of /proc/PID/stat behind the name: state, parent, group, session ... OSError if it is gone."""
    with open("/proc/%s/stat" % pid) as file:
        text = file.read()
    return text[text.rindex(")") + 2 :].split()


def pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def tree(pid: int) -> list[int]:
    """All descendants of ``pid``."""
    children: dict[int, list[int]] = {}
    for other in pids():
        try:
            children.setdefault(int(fields(other)[1]), []).append(other)
        except (OSError, ValueError):
            continue
    found: list[int] = []
    todo = [pid]
    while todo:
        below = children.get(todo.pop(), [])
        found += below
        todo += below
    return found


def kill_tree(pid: int) -> None:
    """Kill a process, its descendants, and whatever still is in its session."""
    doomed = set(tree(pid)) | {pid}
    doomed.update(session(pid))
    for other in doomed - {1}:
        try:
            os.kill(other, signal.SIGKILL)
        except OSError:
            pass


def session(leader: int) -> list[int]:
    """The members of a session."""
    members = []
    for pid in pids():
        try:
            if fields(pid)[3] == str(leader):
                members.append(pid)
        except (OSError, IndexError):
            continue
    return members


def describe() -> list[dict[str, Any]]:
    """Every live process: pid, parent, argv, age in seconds, uid, cwd."""
    with open("/proc/uptime") as file:
        uptime = float(file.read().split()[0])
    found = []
    for pid in pids():
        try:
            stat = fields(pid)
            with open("/proc/%d/cmdline" % pid, "rb") as file:
                argv = file.read(1 << 17).decode(errors="replace").split("\0")[:-1]
            uid = os.stat("/proc/%d" % pid).st_uid
            cwd = os.readlink("/proc/%d/cwd" % pid)
        except (OSError, ValueError, IndexError):
            continue
        if stat[0] != "Z":
            age = max(0.0, uptime - int(stat[19]) / HERTZ)
            found.append({"pid": pid, "parent": int(stat[1]), "argv": argv, "age": age, "uid": uid, "cwd": cwd})
    return found
