"""The host's hands inside the node: one request a connection, a JSON line each way, files as descriptors.

Requests come only over the socket whose listening end the host made and passed in: nothing inside can reach it.
"""

from __future__ import annotations

import array
import fcntl
import json
import os
import pty
import resource
import shutil
import signal
import socket
import stat
import struct
import termios
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from . import proctree

if TYPE_CHECKING:
    import subprocess

    from .kubelet import Kubelet

HOME = "/root"
LEARNER_PROCESSES = 400
"""What a learner may run at once; the agent and the pods may go beyond it, so that a fork bomb starves nobody else."""
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": HOME,
    "USER": "root",
    "LOGNAME": "root",
    "SHELL": "/bin/bash",
    "LANG": "C.UTF-8",
    "ETCDCTL_API": "3",
}


class Client:
    """One connection from the host."""

    def __init__(self, connection: socket.socket, kubelet: Kubelet) -> None:
        self.connection = connection
        self.kubelet = kubelet

    def serve(self) -> None:
        try:
            request = self._request()
            if request:
                getattr(self, "do_" + request["op"])(request)
        except OSError as error:
            self._answer({"errno": error.errno or 0, "error": str(error)})
        except Exception as error:
            self._answer({"errno": 0, "error": "%s: %s" % (type(error).__name__, error)})
        finally:
            self.connection.close()

    def _request(self) -> Any:
        line = b""
        while not line.endswith(b"\n"):
            byte = self.connection.recv(1 if len(line) > 1 << 20 else 65536, socket.MSG_PEEK)
            if not byte:
                return None
            end = byte.find(b"\n")
            line += self.connection.recv(end + 1 if end >= 0 else len(byte))
        return json.loads(line)

    def _answer(self, data: dict[str, Any], fds: Sequence[int] = ()) -> None:
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        text = json.dumps(data).encode() + b"\n"
        try:
            sent = self.connection.sendmsg([text], rights)
            self.connection.sendall(text[sent:])
        except OSError:
            pass  # the host went away

    # -- looking ----------------------------------------------------------------------------------------------

    def do_ping(self, request: dict[str, Any]) -> None:
        self._answer({"ok": True})

    def do_ps(self, request: dict[str, Any]) -> None:
        self._answer({"processes": proctree.describe()})

    def do_containers(self, request: dict[str, Any]) -> None:
        about = {"containers": self.kubelet.records(), "waiting": self.kubelet.waiting()}
        self._answer(dict(about, synced=self.kubelet.synced))

    def do_stat(self, request: dict[str, Any]) -> None:
        try:
            info = os.stat(request["path"])
        except (FileNotFoundError, NotADirectoryError):
            return self._answer({"info": None})
        kinds = {stat.S_IFREG: "file", stat.S_IFDIR: "dir", stat.S_IFIFO: "fifo", stat.S_IFSOCK: "socket"}
        return self._answer({"info": {
            "kind": kinds.get(stat.S_IFMT(info.st_mode), "device"), "size": info.st_size,
            "mode": stat.S_IMODE(info.st_mode), "mtime": info.st_mtime, "uid": info.st_uid, "gid": info.st_gid,
            "inode": info.st_ino, "device": info.st_dev,
        }})  # fmt: skip

    def do_list(self, request: dict[str, Any]) -> None:
        try:
            self._answer({"names": sorted(os.listdir(request["path"]))})
        except (FileNotFoundError, NotADirectoryError):
            self._answer({"names": []})

    def do_open(self, request: dict[str, Any]) -> None:
        """A regular file's descriptor; O_NONBLOCK so that a FIFO can't hold us."""
        fd = os.open(request["path"], os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        try:
            self._answer({"ok": True}, [fd])
        finally:
            os.close(fd)

    def do_connect(self, request: dict[str, Any]) -> None:
        with socket.create_connection((request["host"], request["port"]), request["timeout"]) as made:
            self._answer({"ok": True}, [made.fileno()])

    # -- changing ---------------------------------------------------------------------------------------------

    def do_write(self, request: dict[str, Any]) -> None:
        """The bytes follow the request's line; the file appears in one move."""
        path = request["path"]
        os.makedirs(os.path.dirname(path), exist_ok=True)
        draft = "%s/.%s.draft" % os.path.split(path)
        try:
            with open(draft, "wb") as file:
                left = request["size"]
                while left:
                    chunk = self.connection.recv(min(left, 1 << 20))
                    if not chunk:
                        raise OSError("the host went away")
                    file.write(chunk)
                    left -= len(chunk)
            os.chmod(draft, request["mode"])
            if request["mtime"] is not None:
                os.utime(draft, (request["mtime"], request["mtime"]))
            os.rename(draft, path)
        except OSError:
            if os.path.exists(draft):
                os.unlink(draft)
            raise
        self._answer({"ok": True})

    def do_remove(self, request: dict[str, Any]) -> None:
        path = request["path"]
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        elif os.path.lexists(path):
            os.unlink(path)
        self._answer({"ok": True})

    def do_freeze(self, request: dict[str, Any]) -> None:
        """Stop everything but ourselves, so that files don't change while they are copied."""
        self._signal_all(signal.SIGSTOP)
        self._answer({"ok": True})

    def do_thaw(self, request: dict[str, Any]) -> None:
        self._signal_all(signal.SIGCONT)
        self._answer({"ok": True})

    def _signal_all(self, number: int) -> None:
        try:
            os.kill(-1, number)
        except ProcessLookupError:
            pass  # a node whose etcd is down may have no other process

    # -- running ----------------------------------------------------------------------------------------------

    def do_exec(self, request: dict[str, Any]) -> None:
        """Start argv; its three pipes go to the host, then its exit code. The host hanging up kills it all."""
        ours: list[int] = []
        theirs: list[int] = []
        for write_end_ours in (True, False, False):
            read, write = os.pipe()
            ours.append(write if write_end_ours else read)
            theirs.append(read if write_end_ours else write)
        try:
            child = proctree.spawn(
                request["argv"], stdin=theirs[0], stdout=theirs[1], stderr=theirs[2], env=self._env(request),
                cwd=self._cwd(request), start_new_session=True,
            )  # fmt: skip
        except OSError:
            for fd in ours:
                os.close(fd)
            raise
        finally:
            for fd in theirs:
                os.close(fd)
        self._limit(child.pid)
        self._answer({"pid": child.pid}, ours)
        for fd in ours:
            os.close(fd)
        self._until_end(child, lambda: proctree.kill_tree(child.pid))

    def do_shell(self, request: dict[str, Any]) -> None:
        """A login shell on a new terminal, whose master goes to the host."""
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", request["rows"], request["cols"], 0, 0))
        argv = request["argv"] or ["/bin/bash", "--login"]
        try:  # setsid -c makes the terminal the controlling one, which a thread can't safely do between fork and exec
            child = proctree.spawn(
                ["setsid", "-c", *argv], stdin=slave, stdout=slave, stderr=slave, env=self._env(request), cwd=HOME
            )
        finally:
            os.close(slave)
        self._limit(child.pid)
        self._answer({"pid": child.pid}, [master])
        os.close(master)
        self._until_end(child, lambda: hang_up(child.pid))

    def _until_end(self, child: subprocess.Popen[bytes], end: Callable[[], None]) -> None:
        """Tell the host the exit code; when the host hangs up first, end the child."""
        ended = threading.Event()
        code: list[int] = []

        def watch() -> None:
            ended_with = proctree.wait(child)
            code.append(128 - ended_with if ended_with < 0 else ended_with)
            ended.set()
            try:
                self.connection.shutdown(socket.SHUT_RD)
            except OSError:
                pass

        threading.Thread(target=watch, daemon=True).start()
        while not ended.is_set() and self.connection.recv(1):
            pass
        if not ended.is_set():
            end()
            ended.wait(5)
        if code:
            self._answer({"code": code[0]})

    def _limit(self, pid: int) -> None:
        try:
            resource.prlimit(pid, resource.RLIMIT_NPROC, (LEARNER_PROCESSES, LEARNER_PROCESSES))
        except OSError:
            pass  # it has ended already

    def _env(self, request: dict[str, Any]) -> dict[str, str]:
        return dict(ENVIRONMENT, TERM=request.get("term") or "dumb", **(request.get("env") or {}))

    def _cwd(self, request: dict[str, Any]) -> str:
        cwd = request.get("cwd") or HOME
        return cwd if os.path.isdir(cwd) else "/"


def hang_up(leader: int) -> None:
    """What closing a terminal does: SIGHUP (and SIGCONT) to all of the session, then SIGKILL to a shell that stays."""
    members = proctree.session(leader)
    for number in (signal.SIGHUP, signal.SIGCONT):
        for pid in members:
            try:
                os.kill(pid, number)
            except OSError:
                pass


def serve(listener: socket.socket, kubelet: Kubelet) -> None:
    """Accept for ever, a thread a connection."""
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=Client(connection, kubelet).serve, daemon=True).start()
