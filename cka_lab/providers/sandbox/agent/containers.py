"""One container of a static pod: a nested bwrap that shows only its hostPath mounts, and its CRI-format log.

Its root is a throw-away tmpfs, like the upper layer of an overlay: what is written beside the mounts is lost.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import threading
import time
from typing import TYPE_CHECKING, Any

from . import proctree

if TYPE_CHECKING:
    from .kubelet import Pod

LOGS = "/var/log/pods"
LINKS = "/var/log/containers"
KEEP_LOGS = 5
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ROOT = [
    "bwrap", "--unshare-pid", "--as-pid-1", "--unshare-uts", "--die-with-parent", "--new-session", "--cap-add", "ALL",
    "--symlink", "usr/bin", "/bin", "--symlink", "usr/sbin", "/sbin", "--symlink", "usr/lib", "/lib",
    "--symlink", "usr/lib64", "/lib64", "--ro-bind", "/usr", "/usr", "--tmpfs", "/tmp",
    "--dir", "/etc", "--dir", "/var",
    "--ro-bind", "/etc/hosts", "/etc/hosts", "--ro-bind", "/etc/passwd", "/etc/passwd",
    "--proc", "/proc", "--dev", "/dev",
]  # fmt: skip


class VolumeError(Exception):
    """A volume can't be mounted; the text is the kubelet's own."""


def mounts(pod: Pod) -> list[str]:
    """bwrap's arguments for the hostPath mounts; folders are made as the volume's type asks."""
    volumes = {v.get("name"): v.get("hostPath") for v in (pod.spec["spec"].get("volumes") or [])}
    arguments: list[str] = []
    for mount in pod.container.get("volumeMounts") or []:
        host = volumes.get(mount.get("name"))
        if not host or not host.get("path"):
            raise VolumeError('spec.containers[0].volumeMounts: Not found: "%s"' % mount.get("name"))
        path, kind = host["path"], host.get("type") or ""
        _prepare(path, kind, mount["name"])
        arguments += ["--ro-bind" if mount.get("readOnly") else "--bind", path, mount["mountPath"]]
    return arguments


def _prepare(path: str, kind: str, name: str) -> None:
    if kind in ("DirectoryOrCreate", "") and not os.path.exists(path):
        os.makedirs(path, 0o755)
    if kind == "FileOrCreate" and not os.path.exists(path):
        with open(path, "w"):
            pass
    right = {"Directory": os.path.isdir, "DirectoryOrCreate": os.path.isdir, "File": os.path.isfile}
    if kind in right and not right[kind](path):
        what = "file" if kind == "File" else "directory"
        text = 'MountVolume.SetUp failed for volume "%s" : hostPath type check failed: %s is not a %s'
        raise VolumeError(text % (name, path, what))


class Running:
    """A started container; afterwards the record of how it ended."""

    def __init__(self, pod: Pod, fast_etcd: bool) -> None:
        self.pod = pod
        self.name = pod.container.get("name", "container")
        self.argv = [str(a) for a in (pod.container.get("command") or []) + (pod.container.get("args") or [])]
        self.id = hashlib.sha256(os.urandom(16)).hexdigest()
        self.attempt = pod.attempt
        self.created = self.started = time.time()
        self.finished = 0.0
        self.exit_code: int | None = None
        self.pid = 0
        self.message = ""
        folder = "%s/%s_%s_%s/%s" % (LOGS, pod.namespace, pod.name, pod.uid, self.name)
        self.log_path = "%s/%d.log" % (folder, self.attempt)
        arguments = mounts(pod)
        os.makedirs(folder, exist_ok=True)
        self._link()
        self._start(arguments, self._environment(fast_etcd))

    def _environment(self, fast_etcd: bool) -> dict[str, str]:
        env = {"PATH": PATH}
        if fast_etcd:  # an election among one takes this long: 0.1 s instead of 1 s
            env.update(ETCD_HEARTBEAT_INTERVAL="10", ETCD_ELECTION_TIMEOUT="100")
        env.update({e["name"]: str(e.get("value", "")) for e in self.pod.container.get("env") or [] if "name" in e})
        return env

    def _start(self, arguments: list[str], env: dict[str, str]) -> None:
        info_read, info_write = os.pipe()
        out_read, out_write = os.pipe()
        info = ["--info-fd", str(info_write)]
        host = ["--hostname", self.pod.name.rsplit("-", 1)[-1]]
        try:
            self.child = proctree.spawn(
                ROOT + info + host + arguments + ["--"] + self.argv,
                stdin=subprocess.DEVNULL, stdout=out_write, stderr=out_write, env=env, pass_fds=[info_write],
            )  # fmt: skip
        finally:
            os.close(out_write)
            os.close(info_write)
        with os.fdopen(info_read) as file:
            try:
                self.pid = json.loads(file.read() or "{}").get("child-pid", 0)
            except ValueError:
                self.pid = 0
        self.pump = threading.Thread(target=self._pump, args=(out_read,), daemon=True)
        self.pump.start()

    def _pump(self, fd: int) -> None:
        """Write the container's output as the CRI does: time, stream, F, line."""
        rest = b""
        try:
            log = os.open(self.log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
        except OSError:
            log = -1
        while True:
            chunk = os.read(fd, 65536)
            if not chunk:
                break
            *lines, rest = (rest + chunk).split(b"\n")
            now = time.time()
            stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + ".%09dZ stderr F " % (now % 1 * 1e9)
            try:
                os.write(log, b"".join(stamp.encode() + line + b"\n" for line in lines))
            except OSError:
                pass  # a full disk or a removed folder must not stop the container
        os.close(fd)
        if log >= 0:
            os.close(log)

    def _link(self) -> None:
        """The flat name under /var/log/containers, and no more logs than a kubelet keeps."""
        folder = os.path.dirname(self.log_path)
        os.makedirs(LINKS, exist_ok=True)
        prefix = "%s_%s_%s-" % (self.pod.name, self.pod.namespace, self.name)
        for name in os.listdir(LINKS):
            if name.startswith(prefix):
                os.unlink(os.path.join(LINKS, name))
        os.symlink(self.log_path, "%s/%s%s.log" % (LINKS, prefix, self.id))
        old = sorted((int(n[:-4]) for n in os.listdir(folder) if n[:-4].isdigit()), reverse=True)
        for number in old[KEEP_LOGS:]:
            os.unlink("%s/%d.log" % (folder, number))

    def poll(self) -> int | None:
        """The exit code once it has ended, else None."""
        if self.exit_code is None and self.child.poll() is not None:
            code = proctree.wait(self.child)
            self.exit_code = 128 - code if code < 0 else code
            self.finished = time.time()
            self.pump.join(1)
        return self.exit_code

    def stop(self, grace: float) -> None:
        """SIGTERM to the payload, SIGKILL after ``grace`` seconds."""
        deadline = time.time() + grace
        self._signal(signal.SIGTERM)
        while self.poll() is None and time.time() < deadline:
            time.sleep(0.01)
        if self.poll() is None:
            self.child.kill()
            self._signal(signal.SIGKILL)
            while self.poll() is None:
                time.sleep(0.01)

    def _signal(self, number: int) -> None:
        try:
            os.kill(self.pid or self.child.pid, number)
        except OSError:
            pass

    def record(self) -> dict[str, Any]:
        """As api.Container wants it."""
        return {
            "id": self.id, "name": self.name, "pod": self.pod.name, "namespace": self.pod.namespace,
            "image": str(self.pod.container.get("image", "")), "attempt": self.attempt,
            "state": "running" if self.exit_code is None else "exited", "created": self.created,
            "started": self.started, "finished": self.finished, "exit_code": self.exit_code,
            "pid": self.pid if self.exit_code is None else 0, "log_path": self.log_path,
            "manifest": self.pod.path, "argv": self.argv, "message": self.pod.message,
            "pod_id": self.pod.sandbox_id, "pod_created": self.pod.created, "pod_uid": self.pod.uid,
            "labels": (self.pod.spec.get("metadata") or {}).get("labels") or {},
        }  # fmt: skip
