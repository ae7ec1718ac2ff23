"""The node's kubelet: every static pod of the manifests folder, kept running.

As a real one it reads every file there whose name does not begin with a dot. When two files define the same
pod, the one whose name sorts last wins. Polled, since inotify would miss what an overlay hides.
"""

from __future__ import annotations

import hashlib
import os
import stat
import threading
import time
from typing import Any

import yaml

from . import containers

MANIFESTS = "/etc/kubernetes/manifests"
LOG = "/var/log/kubelet.log"
POLL = 0.05
BACKOFF_FIRST, BACKOFF_MAX = 1.0, 10.0
BACKOFF_FORGET = 60.0
"""Seconds of running after which a container's back-off begins anew."""


class Pod:
    """One static pod with one container, as defined by one file."""

    def __init__(self, file: str, spec: Any, node: str) -> None:
        if not isinstance(spec, dict) or spec.get("kind") != "Pod":
            raise ValueError("couldn't parse as pod: the file does not hold a Pod")
        self.path, self.spec = os.path.join(MANIFESTS, file), spec
        meta = spec.get("metadata") or {}
        body = spec.get("spec") or {}
        if not meta.get("name") or not body.get("containers"):
            raise ValueError("couldn't parse as pod: metadata.name and spec.containers are required")
        self.name = "%s-%s" % (meta["name"], node)
        self.namespace = meta.get("namespace", "default")
        self.container = body["containers"][0]
        self.grace = float(body.get("terminationGracePeriodSeconds", 30))
        self.uid = hashlib.md5(repr(sorted(spec.items(), key=str)).encode()).hexdigest()
        self.sandbox_id = hashlib.sha256(os.urandom(16)).hexdigest()
        self.created = time.time()
        self.live: containers.Running | None = None
        self.ended: list[containers.Running] = []
        self.attempt = 0
        self.retry_at = 0.0
        self.backoff = BACKOFF_FIRST
        self.message = ""

    def records(self) -> list[containers.Running]:
        """All containers to show: the live one and the last ended ones."""
        return ([self.live] if self.live else []) + self.ended[-3:][::-1]


Read = tuple[tuple[int, int, int], bytes, Pod | None]
"""What is known of a file: how its stat looked, its text, its pod."""


class Kubelet:
    """Owns the pods; ``sync`` runs for ever in its own thread."""

    def __init__(self, node: str, fast_etcd: bool) -> None:
        self.node = node
        self.fast_etcd = fast_etcd
        self.lock = threading.RLock()
        self.pods: dict[tuple[str, str], Pod] = {}
        self._texts: dict[str, Read] = {}
        self.synced = False

    def run(self) -> None:
        while True:
            try:
                self.sync()
            except Exception as error:  # a pod's trouble must not end the kubelet
                self.log("E", "sync: %r" % error)
            time.sleep(POLL)

    def sync(self) -> None:
        wanted = self._read()
        with self.lock:
            gone = [self.pods.pop(key) for key in list(self.pods) if wanted.get(key) is not self.pods[key]]
        for pod in gone:  # may take a container's whole grace: not under the lock
            self._stop(pod)
        with self.lock:
            for key in [key for key in wanted if key not in self.pods]:
                self.pods[key] = wanted[key]
                self.log("I", "SyncLoop ADD source=file pods=[%s/%s]" % key)
            pods = list(self.pods.values())
        for pod in pods:
            self._keep_running(pod)
        self.synced = True

    def _read(self) -> dict[tuple[str, str], Pod]:
        """The pods as the files define them now; a file that did not change keeps its Pod."""
        texts: dict[str, Read] = {}
        wanted: dict[tuple[str, str], Pod] = {}
        try:
            names = sorted(os.listdir(MANIFESTS))
        except OSError:
            names = []
        for name in names:
            path = os.path.join(MANIFESTS, name)
            if name.startswith("."):
                continue
            try:
                info = os.stat(path)
                seen = (info.st_ino, info.st_size, info.st_mtime_ns)
                old = self._texts.get(name)
                if old and old[0] == seen:  # 20 times a second: a stat is all it costs
                    texts[name] = old
                elif stat.S_ISREG(info.st_mode):
                    texts[name] = (seen, *self._reparse(name, path, old))
                else:
                    continue
            except OSError:
                continue
            pod = texts[name][2]
            if pod:
                wanted[(pod.namespace, pod.name)] = pod
        self._texts = texts
        return wanted

    def _reparse(self, name: str, path: str, old: Read | None) -> tuple[bytes, Pod | None]:
        """The text and its pod; a file that was only touched keeps its Pod."""
        with open(path, "rb") as file:
            text = file.read(1 << 20)
        return (text, old[2]) if old and old[1] == text else (text, self._parse(name, text))

    def _parse(self, name: str, text: bytes) -> Pod | None:
        try:
            return Pod(name, yaml.safe_load(text), self.node)
        except (yaml.YAMLError, ValueError, AttributeError, TypeError, KeyError) as error:
            reason = str(error).replace("\n", " ")[:300]
            self.log("E", "Could not process manifest file %s/%s: %s" % (MANIFESTS, name, reason))
            return None

    def _keep_running(self, pod: Pod) -> None:
        """Start what should run; note what ended and let it wait out its back-off."""
        if pod.live and pod.live.poll() is not None:
            ended = pod.live
            if ended.finished - ended.started > BACKOFF_FORGET:
                pod.backoff = BACKOFF_FIRST
            pod.retry_at, pod.backoff = time.time() + pod.backoff, min(BACKOFF_MAX, pod.backoff * 2)
            pod.message = "back-off restarting failed container %s" % ended.name
            pod.ended.append(ended)
            pod.live, pod.attempt = None, pod.attempt + 1
            self.log("I", "container died pod=%s exit=%s" % (pod.name, ended.exit_code))
        if pod.live or time.time() < pod.retry_at:
            return
        try:
            pod.live = containers.Running(pod, self.fast_etcd)
            pod.message = ""
        except (containers.VolumeError, OSError, KeyError, TypeError, ValueError) as error:
            pod.message = str(error)
            pod.retry_at = time.time() + 2
            self.log("E", "Error syncing pod %s: %s" % (pod.name, error))

    def _stop(self, pod: Pod) -> None:
        self.log("I", "SyncLoop REMOVE source=file pods=[%s/%s]" % (pod.namespace, pod.name))
        if pod.live:
            pod.live.stop(pod.grace)

    def records(self) -> list[dict[str, Any]]:
        """Every container to show, the newest first within a pod."""
        with self.lock:
            return [record.record() for pod in self.pods.values() for record in pod.records()]

    def waiting(self) -> dict[str, str]:
        """Pods without a live container, and why."""
        with self.lock:
            return {pod.name: pod.message for pod in self.pods.values() if not pod.live}

    def log(self, level: str, text: str) -> None:
        stamp = time.strftime("%m%d %H:%M:%S")
        try:
            with open(LOG, "a") as file:
                file.write("%s%s kubelet] %s\n" % (level, stamp, text))
        except OSError:
            pass
