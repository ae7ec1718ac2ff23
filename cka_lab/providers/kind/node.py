"""A kind node as api.Node: files, processes and containers by its agent, commands by docker exec."""

from __future__ import annotations

import io
import json
import os
import posixpath
import shlex
import socket
import stat
import tarfile
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from cka_lab.api import Completed, Container, FileInfo, Process, Unit
from cka_lab.errors import CommandFailed, LabGone, Unreadable
from cka_lab.providers.kind.agent import Agent, runs_nothing
from cka_lab.providers.kind.engine import FIX, OUTPUT_LIMIT, Exec, engine, feed, ours

MANIFESTS = "/etc/kubernetes/manifests"
TICKS = 100
"""Clock ticks a second in /proc: the same on every Linux that runs containers."""
KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "dir", stat.S_IFIFO: "fifo", stat.S_IFSOCK: "socket"}
STATES = {"CONTAINER_RUNNING": "running", "CONTAINER_EXITED": "exited"}
RELAY = 'exec 3<>"/dev/$2/$0/$1" || exit 7; echo; cat <&3 & cat >&3; kill $! 2>/dev/null'
"""Joins standard input and output with a TCP connection made inside the node; an empty line says that it stands."""
KILLED = 137
QUIET, LAST_WORDS = 0.25, 1.0
"""Seconds without output after which a command is asked whether it runs, and for what is still on its way."""
ENVIRONMENT = {"KUBECONFIG": "/etc/kubernetes/admin.conf", "HOME": "/root"}


class KindShell:
    """An interactive shell in a container: api.ShellChannel. ``fd`` is one end of a pair of sockets."""

    def __init__(self, command: Exec, rows: int, cols: int, hang_up: Callable[[], None]) -> None:
        self._command = command
        self._hang_up = hang_up
        self._code: int | None = None
        self._ended = threading.Event()
        ours_end, self._theirs = socket.socketpair()
        self.fd = ours_end.detach()
        command.resize(rows, cols)
        for work in (self._outwards, self._inwards):
            threading.Thread(target=work, daemon=True).start()

    def _outwards(self) -> None:
        """What the program writes, until it ends."""
        try:
            while data := self._command.socket.recv(1 << 16):
                self._theirs.sendall(data)
        except OSError:
            pass
        for _ in range(100):
            try:
                self._code = self._command.code()
            except Exception:
                break
            if self._code is not None:
                break
            time.sleep(0.02)
        self._ended.set()
        self._theirs.close()

    def _inwards(self) -> None:
        try:
            while data := self._theirs.recv(1 << 16):
                self._command.socket.sendall(data)
        except OSError:
            pass
        self._command.close()

    def resize(self, rows: int, cols: int) -> None:
        self._command.resize(rows, cols)

    def wait(self, timeout: float | None = None) -> int | None:
        self._ended.wait(timeout)
        return self._code

    def close(self) -> None:
        if self.fd >= 0:
            fd, self.fd = self.fd, -1
            os.close(fd)
            self._command.close()
            if self._code is None:
                with suppress(Exception):
                    self._hang_up()


class KindNode:
    """One container that is a node (or the jump host)."""

    def __init__(self, container: str, name: str | None = None) -> None:
        self.container = container
        self.name = name or container
        self._agent = Agent(container)

    # -- questions --------------------------------------------------------------------------------------------

    def read(self, path: str, limit: int = 16 << 20) -> bytes:
        data = self._agent.ask("read", path, str(limit))
        if len(data) > limit:
            raise Unreadable(f"{path} is more than the {limit} bytes that are looked at")
        return data

    def fetch(self, path: str, to: Path, limit: int = 1 << 30) -> None:
        info = self.stat(path)
        if info is None:
            raise FileNotFoundError(path)
        if info.kind != "file":
            raise Unreadable(f"{path} is not a regular file")
        if info.size > limit:
            raise Unreadable(f"{path} is {info.size} bytes, more than the {limit} that are looked at")
        to.write_bytes(self.read(path, limit))

    def stat(self, path: str) -> FileInfo | None:
        try:
            words = self._agent.ask("stat", path).split()
        except FileNotFoundError:
            return None
        mode, size, uid, gid, inode, device = (int(words[0], 16), *(int(words[i]) for i in (1, 3, 4, 5, 6)))
        kind = KINDS.get(stat.S_IFMT(mode), "device")
        return FileInfo(kind, size, stat.S_IMODE(mode), float(words[2]), uid, gid, inode, device)

    def list(self, path: str) -> Sequence[str]:
        return tuple(sorted(_fields(self._agent.ask("list", path))))

    def processes(self) -> Sequence[Process]:
        folders = _fields(self._agent.ask("cwd"))
        cwd = {int(p.rsplit("/", 1)[-1]): where for p, where in zip(folders[::2], folders[1::2], strict=True)}
        return list(_processes(iter(_fields(self._agent.ask("ps"))), cwd))

    def containers(self) -> Sequence[Container]:
        return _containers(self, self._agent.ask("containers"))

    def connect(self, host: str, port: int, timeout: float = 3.0) -> socket.socket:
        return self._relay([], "tcp", host, port, timeout)

    def listens(self, *ports: int) -> bool:
        """Does anything listen on each of these TCP ports of the node, whatever it is?"""
        tables = self.read("/proc/1/net/tcp") + self.read("/proc/1/net/tcp6")
        listening = b"".join(line for line in tables.splitlines() if b" 0A " in line)
        return all(f":{port:04X} ".encode() in listening for port in ports)

    def _relay(self, within: Sequence[str], protocol: str, host: str, port: int, timeout: float) -> socket.socket:
        argv = [*within, "timeout", "600", "bash", "-c", RELAY, host, str(port), protocol]
        relay = Exec(self.container, argv, cwd="/")
        try:
            frame = relay.frame(timeout)
            while frame is not None and frame[0] != 1:
                frame = relay.frame(timeout)
        except TimeoutError:
            relay.close()
            raise
        if frame is None:
            relay.close()
            raise ConnectionRefusedError(111, "Connection refused")
        if not frame[1].startswith(b"\n"):  # docker's own words
            relay.close()
            raise runs_nothing(self.container, frame[1])
        return _joined(relay, frame[1][1:], timeout)

    def connect_from(
        self, pod: str, host: str, port: int, *, udp: bool = False, timeout: float = 3.0
    ) -> socket.socket:  # fmt: skip
        namespace, _, name = pod.partition("/")
        pid = self._agent.ask("pod", namespace, name).decode().strip()
        return self._relay(["nsenter", "-t", pid, "-n"], "udp" if udp else "tcp", host, port, timeout)

    def unit(self, name: str) -> Unit | None:
        return _unit(name, self._agent.ask("unit", name).decode(errors="replace"))

    # -- changes ----------------------------------------------------------------------------------------------

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout: float = 30.0,
        ok: Collection[int] = (0,),
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        cwd: str = "/root",
    ) -> Completed:
        code, out, err = _execute(self.container, argv, timeout, stdin, {**ENVIRONMENT, **(env or {})}, cwd)
        if code is None or code not in ok:
            raise CommandFailed(argv, code, (err or out).decode(errors="replace"))
        return Completed(tuple(argv), code, out, err)

    def write(self, path: str, data: bytes, mode: int = 0o644, mtime: float | None = None) -> None:
        folder, name = posixpath.split(path)
        draft = f"{folder}/.{name}.cka-lab"
        words = [shlex.quote(w) for w in (folder, draft, path)]
        touch = f"touch -d @{mtime:.9f} {words[1]} &&" if mtime is not None else ""
        ready = f"mkdir -p {words[0]} && cat >{words[1]} && chmod {mode:o} {words[1]}"
        script = f"{ready} && {touch} mv -fT {words[1]} {words[2]}"
        try:
            self.run(["bash", "-c", script], stdin=data, cwd="/")
        except CommandFailed as error:
            raise Unreadable(f"can't write {path}: {error.err.strip()}") from error

    def remove(self, path: str) -> None:
        try:
            self.run(["rm", "-rf", "--", path], cwd="/")
        except CommandFailed as error:
            raise Unreadable(f"can't remove {path}: {error.err.strip()}") from error

    def shell(self, rows: int, cols: int, term: str = "xterm-256color", argv: Sequence[str] = ()) -> KindShell:
        return self.shell_as("root", rows, cols, term, argv)

    def shell_as(self, user: str, rows: int, cols: int, term: str, argv: Sequence[str] = ()) -> KindShell:
        home = "/root" if user == "root" else f"/home/{user}"
        env = {"TERM": term, "LANG": "C.UTF-8", "HOME": home, "USER": user, "COLUMNS": str(cols), "LINES": str(rows)}
        env |= {"KUBECONFIG": ENVIRONMENT["KUBECONFIG"]} if user == "root" else {}
        mark = f"LAB_SHELL_MARK={os.urandom(8).hex()}"
        env |= dict([mark.split("=")])
        command = Exec(self.container, argv or ["bash", "--login"], tty=True, user=user, env=env, cwd=home)
        return KindShell(command, rows, cols, lambda: self._agent.tell("hangup", mark))

    # -- whole trees ------------------------------------------------------------------------------------------

    def put(self, files: Mapping[str, tuple[bytes, int]]) -> None:
        """Several files at once, by their path: bytes and mode. Works in a stopped container, too."""
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as tar:
            for path, (data, mode) in files.items():
                info = tarfile.TarInfo(path.lstrip("/"))
                info.size, info.mode, info.mtime = len(data), mode, int(time.time())
                tar.addfile(info, io.BytesIO(data))
        with ours(self.container):
            engine().api.put_archive(self.container, "/", packed.getvalue())


def _fields(data: bytes) -> list[str]:
    """NUL-terminated fields."""
    return [part.decode(errors="surrogateescape") for part in data.split(b"\0")[:-1]]


def _unit(name: str, shown: str) -> Unit | None:
    """What `systemctl show` says, and the node's uptime behind it."""
    facts = dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)
    if facts.get("LoadState") in (None, "not-found"):
        return None
    since = int(facts.get("ActiveEnterTimestampMonotonic") or 0) / 1e6
    active = facts.get("ActiveState", "")
    return Unit(
        name, active, "masked" if facts["LoadState"] == "masked" else facts.get("UnitFileState", ""),
        facts.get("Result", ""), facts.get("TriggeredBy", ""), int(facts.get("MainPID") or 0),
        max(float(facts.get("uptime", 0)) - since, 0.0) if active == "active" else 0.0,
    )  # fmt: skip


def _processes(fields: Iterator[str], cwd: Mapping[int, str]) -> Iterator[Process]:
    uptime = float(next(fields))
    for pid in fields:
        about, uid, count = next(fields), next(fields), int(next(fields))
        argv = tuple(next(fields) for _ in range(count))
        rest = about[about.rindex(")") + 2 :].split()
        if rest[0] != "Z":
            age = uptime - int(rest[19]) / TICKS
            yield Process(int(pid), int(rest[1]), argv, max(age, 0.0), int(uid), cwd.get(int(pid), ""))


def _containers(node: KindNode, data: bytes) -> list[Container]:
    """Of each container of a static pod the live one and the last ended one."""
    if not data.strip():
        return []
    parsed = json.loads(data)
    every = [c for one in (parsed if isinstance(parsed, list) else [parsed]) if (c := _container(node, one))]
    kept: dict[tuple[str, str, bool], Container] = {}
    for one in sorted(every, key=lambda c: c.created):
        kept[(one.pod, one.name, one.state == "running")] = one
    return list(kept.values())


def _container(node: KindNode, about: Mapping[str, Any]) -> Container | None:
    status, info = about["status"], about.get("info") or {}
    labels = status.get("labels") or {}
    pod, namespace = labels.get("io.kubernetes.pod.name", ""), labels.get("io.kubernetes.pod.namespace", "")
    if not pod.endswith(f"-{node.container}"):
        return None
    state = STATES.get(status.get("state", ""), "waiting")
    process = (info.get("runtimeSpec") or {}).get("process") or {}
    return Container(
        id=status["id"],
        name=status["metadata"]["name"],
        pod=pod,
        namespace=namespace,
        image=(status.get("image") or {}).get("image", ""),
        state=state,
        attempt=int(status["metadata"].get("attempt") or 0),
        created=_moment(status.get("createdAt")),
        started=_moment(status.get("startedAt")),
        finished=_moment(status.get("finishedAt")),
        exit_code=int(status.get("exitCode") or 0) if state == "exited" else None,
        pid=int(info.get("pid") or 0) if state == "running" else 0,
        log_path=status.get("logPath", ""),
        manifest=_manifest_of(node, pod),
        argv=tuple(process.get("args") or ()),
        message=status.get("message", ""),
    )


def _manifest_of(node: KindNode, pod: str) -> str:
    """The file that defines a static pod: kubeadm names it after the pod."""
    return f"{MANIFESTS}/{pod.removesuffix(f'-{node.container}')}.yaml"


def _moment(text: str | None) -> float:
    """Seconds since the epoch of a CRI time; 0 for none."""
    if not text or text.startswith("0001"):
        return 0.0
    return datetime.fromisoformat(text).timestamp()


def _execute(
    container: str, argv: Sequence[str], timeout: float, stdin: bytes, env: Mapping[str, str], cwd: str
) -> tuple[int | None, bytes, bytes]:
    """Exit code (None when it took longer and was killed), stdout, stderr."""
    outputs = {1: bytearray(), 2: bytearray()}
    began = time.monotonic()
    deadline = began + timeout + 5
    with Exec(container, ["timeout", "-s", "KILL", str(timeout), *argv], env=env, cwd=cwd) as command:
        feed(command, stdin)
        while frame := _next(command, deadline):
            outputs[frame[0]] += frame[1]
            if sum(map(len, outputs.values())) > OUTPUT_LIMIT:
                raise CommandFailed(argv, None, f"more than {OUTPUT_LIMIT} bytes of output")
        code = command.code()
    out, err = bytes(outputs[1]), bytes(outputs[2])
    killed = code == KILLED and time.monotonic() - began >= timeout
    return (None if killed else code), out, err


def _next(command: Exec, deadline: float) -> tuple[int, bytes] | None:
    """More output; None at its end, or a moment after the command's: its daemons may hold its pipes."""
    ended = False
    while True:
        try:
            return command.frame(LAST_WORDS if ended else QUIET)
        except TimeoutError as error:
            if ended:
                return None
            ended = command.code() is not None
            if not ended and time.monotonic() > deadline:
                raise LabGone(f"the node {command.container} does not answer", fix=FIX) from error


def _joined(relay: Exec, first: bytes, timeout: float) -> socket.socket:
    """A socket whose other end is pumped from and to the relay."""
    near, far = socket.socketpair()
    near.settimeout(timeout)

    def inwards() -> None:
        try:
            if first:
                far.sendall(first)
            while frame := relay.frame(None):
                if frame[0] == 1:
                    far.sendall(frame[1])
        except (OSError, ValueError):  # closed by the other thread
            pass
        with suppress(OSError):
            far.shutdown(socket.SHUT_WR)

    def outwards() -> None:
        try:
            while data := far.recv(1 << 16):
                relay.socket.sendall(data)
        except OSError:
            pass
        relay.close()
        far.close()

    for work in (inwards, outwards):
        threading.Thread(target=work, daemon=True).start()
    return near
