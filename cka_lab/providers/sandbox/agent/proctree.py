"""Processes inside the node, from /proc; and the reaping that pid 1 owes to orphans."""

import os
import signal
import subprocess
import threading
import time

HERTZ = os.sysconf("SC_CLK_TCK")
_spawn_lock = threading.Lock()
_owned = set()


def spawn(argv, **options):
    """A Popen that the reaper leaves to its owner; give it back with wait()."""
    with _spawn_lock:
        child = subprocess.Popen(argv, **options)
        _owned.add(child.pid)
    return child


def wait(child):
    """Wait for a spawned child to end; its return code."""
    code = child.wait()
    _owned.discard(child.pid)
    return code


def reap_orphans():
    """For ever: collect ended processes that were left to pid 1."""
    while True:
        try:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
        except ChildProcessError:
            time.sleep(0.2)
            continue
        with _spawn_lock:
            if ended.si_pid not in _owned:
                try:
                    os.waitpid(ended.si_pid, os.WNOHANG)
                except ChildProcessError:
                    pass
                continue
        time.sleep(0.02)


def fields(pid):
    """The fields of /proc/PID/stat behind the name: state, parent, group, session ... OSError if it is gone."""
    with open("/proc/%s/stat" % pid) as file:
        text = file.read()
    return text[text.rindex(")") + 2 :].split()


def pids():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def tree(pid):
    """All descendants of ``pid``."""
    children = {}
    for other in pids():
        try:
            children.setdefault(int(fields(other)[1]), []).append(other)
        except (OSError, ValueError):
            continue
    found, todo = [], [pid]
    while todo:
        below = children.get(todo.pop(), [])
        found += below
        todo += below
    return found


def kill_tree(pid, session=True):
    """Kill a process, its descendants, and whatever still is in its session."""
    doomed = set(tree(pid)) | {pid}
    if session:
        for other in pids():
            try:
                if fields(other)[3] == str(pid):
                    doomed.add(other)
            except (OSError, IndexError):
                continue
    for other in doomed - {1}:
        try:
            os.kill(other, signal.SIGKILL)
        except OSError:
            pass


def describe():
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
