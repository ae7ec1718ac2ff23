"""Processes and folders of a lab on the host: start, end for certain, copy, remove."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cka_lab.errors import LabFailure
from cka_lab.providers.sandbox import launch

GONE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class HostProcess:
    """A process by pid and start time, so that a reused pid is not mistaken for it."""

    pid: int
    started: int

    @classmethod
    def of(cls, pid: int) -> HostProcess:
        return cls(pid, _start_time(pid) or 0)

    def alive(self) -> bool:
        with suppress(ChildProcessError):
            os.waitpid(self.pid, os.WNOHANG)  # ours may be a zombie
        return bool(self.started) and _start_time(self.pid) == self.started

    def kill(self) -> None:
        if self.alive():
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def wait_gone(self) -> None:
        deadline = time.monotonic() + GONE_SECONDS
        while self.alive():
            if time.monotonic() > deadline:
                raise LabFailure(f"the process {self.pid} of the lab does not end")
            time.sleep(0.005)


def _start_time(pid: int) -> int | None:
    """Field 22 of /proc/PID/stat; None for no process or a zombie."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = text[text.rindex(")") + 2 :].split()
    return None if fields[0] == "Z" else int(fields[19])


def boot(lab: Path, tools: Path, listener: socket.socket) -> list[HostProcess]:
    """Start a node that outlives this program: its pid 1 and the bwraps around it, outermost last."""
    places = launch.Places(lab, tools)
    info_read, info_write = os.pipe()
    log = os.open(lab / "node.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        outer = subprocess.Popen(
            launch.node(places, listener.fileno(), info_write),
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/",
            pass_fds=[listener.fileno(), info_write],
        )  # fmt: skip
    finally:
        os.close(info_write)
        os.close(log)
    with os.fdopen(info_read) as file:
        text = file.read()
    outermost = HostProcess.of(outer.pid)
    try:
        inner = HostProcess.of(json.loads(text)["child-pid"])
    except (ValueError, KeyError) as error:
        outermost.kill()
        raise LabFailure(f"the sandbox did not start: {tail(lab)}", fix="see `cka-lab doctor`") from error
    return [inner, outermost]


def tail(lab: Path) -> str:
    with suppress(OSError):
        return (lab / "node.log").read_text(errors="replace").strip()[-500:]
    return ""


def own(root: Path) -> None:
    """Give a tree to the unprivileged uid that the node runs as, when we are root."""
    if not launch.is_root():
        return
    for folder, names, files in os.walk(root):
        for name in [".", *names, *files]:
            os.chown(os.path.join(folder, name), launch.UID, launch.UID, follow_symlinks=False)


def copy(source: Path, target: Path) -> None:
    """Copy a tree as it is: owners, modes, times, links, holes; sockets are left out."""
    target.mkdir()
    _copy_tree(source, target)


def _copy_tree(source: Path, target: Path) -> None:
    with os.scandir(source) as entries:
        for entry in entries:
            to = target / entry.name
            info = entry.stat(follow_symlinks=False)
            if entry.is_symlink():
                to.symlink_to(os.readlink(entry.path))
            elif entry.is_dir():
                _readable(entry.path, info.st_mode, 0o700)
                to.mkdir(mode=0o700)
                _copy_tree(Path(entry.path), to)
            elif entry.is_file():
                _readable(entry.path, info.st_mode, 0o600)
                _copy_file(entry.path, to, info.st_size)
            else:
                continue
            _same(to, info, entry.is_symlink())
            if not entry.is_symlink() and not launch.is_root():
                os.chmod(entry.path, info.st_mode & 0o7777)
    _same(target, source.stat(), link=False)


def _readable(path: str, mode: int, need: int) -> None:
    """An ordinary user's own chmod 000 would lock us out as well."""
    if not launch.is_root() and mode & need != need:
        os.chmod(path, mode & 0o7777 | need)


def _same(path: Path, info: os.stat_result, link: bool) -> None:
    if launch.is_root():
        os.chown(path, info.st_uid, info.st_gid, follow_symlinks=False)
    if not link:
        path.chmod(info.st_mode & 0o7777)
    os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns), follow_symlinks=False)


def _copy_file(source: str, target: Path, size: int) -> None:
    """Only what is written: etcd preallocates 64 MB for each WAL segment."""
    read = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    write = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.ftruncate(write, size)
        at = 0
        while at < size:
            try:
                start = os.lseek(read, at, os.SEEK_DATA)
            except OSError:
                break  # only a hole is left
            at = os.lseek(read, start, os.SEEK_HOLE)
            os.lseek(write, start, os.SEEK_SET)
            os.lseek(read, start, os.SEEK_SET)
            left = at - start
            while left and (sent := os.sendfile(write, read, None, left)):
                left -= sent
    finally:
        os.close(read)
        os.close(write)


def remove(folder: Path) -> None:
    """Remove a tree whatever its modes; links are never followed."""
    if not launch.is_root():
        for path, names, _ in os.walk(folder):
            for name in names:
                below = os.path.join(path, name)
                if not os.path.islink(below):
                    os.chmod(below, 0o700)
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        raise LabFailure(f"{folder} can't be removed", fix=f"remove it by hand: rm -rf {folder}")
