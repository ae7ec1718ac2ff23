"""One control plane, looked at again and again, while it may still be on its way."""

from __future__ import annotations

import math
import time

from cka_lab.api import Container, LabView, Mismatch, NodeView, NotServed, condition, etcd_clients, find_etcds, kube
from graders._etcd_facts import not_served
from graders._settle import settle

STARTS_WITHIN = 75.0
"""Seconds within which an API server gets ready, or gives up: it waits 20 s for its etcd, and takes 23-59 s more after
one that was away.
"""
NODE_WITHIN = 45.0
"""Seconds after which a node that works has told a ready API server so."""


WHAT = "the API server to get ready, and its node to say so (20-60 s as a rule)"


def plane(lab: LabView, node: str | None = None) -> Plane:
    """The control plane on a node, once it has followed the last change as far as it will."""
    settle(lab, node)
    settle(lab, node, "kube-apiserver")
    watch = Plane(lab, lab.node(node), node)
    lab.follow(watch.on_its_way, WHAT)
    return watch


class Plane:
    """One control plane, looked at again and again."""

    def __init__(self, lab: LabView, node: NodeView, name: str | None) -> None:
        self.lab, self.node, self.name = lab, node, name
        self.client = kube(lab, name)

    def running(self) -> dict[str, Container]:
        """The running containers of its static pods, by the container's name."""
        return {c.name: c for c in self.node.containers() if c.state == "running" and c.namespace == "kube-system"}

    def on_its_way(self) -> bool:
        """Is there an API server that is not ready though its etcd runs, one of the two being young? Or a node that has
        yet to tell that it is ready?
        """
        if self.complaint() is None:
            return False
        ages = [etcd.process.age for etcd in find_etcds(self.node)]
        api = self.running().get("kube-apiserver")
        age = min([time.time() - api.started, *ages]) if api and ages else math.inf
        return age <= STARTS_WITHIN or (age <= STARTS_WITHIN + NODE_WITHIN and not self._unready())

    def will_be_tried(self, name: str) -> bool:
        """Did a component that is down give up while there was no API server yet? Then its next try tells more."""
        api = self.running().get("kube-apiserver")
        ended = [c.finished for c in self.node.containers() if c.name == name and c.namespace == "kube-system"]
        return api is not None and bool(ended) and max(ended) < api.started + STARTS_WITHIN

    def _unready(self) -> str:
        try:
            return self.client.ready()
        except NotServed as error:
            return error.why

    def lasting_complaint(self) -> Mismatch | None:
        """What is wrong with API server and Node, once it no longer is on its way: it may have been ready, and have
        lost its etcd again for a moment.
        """
        if self.complaint() is None:
            return None
        self.lab.follow(self.on_its_way, WHAT)
        return self.complaint()

    def complaint(self) -> Mismatch | None:
        """What is wrong with API server and Node now."""
        if why := self._unready():
            api = self.running().get("kube-apiserver")
            found = why if api else f"no API server is running; {why}"
            return not_ready(self.lab, self.name, found)
        try:
            own = self.client.get("Node", self.node.name)
        except NotServed as error:
            return not_ready(self.lab, self.name, error.why)
        if own is None:
            return Mismatch("the control plane's own Node is missing", f"Node {self.node.name}", "none")
        if condition(own, "Ready") != "True":
            return Mismatch("the control plane's own Node is not Ready", "Ready", condition(own, "Ready") or "unknown")
        return None


def not_ready(lab: LabView, node: str | None, found: str) -> Mismatch:
    """The API server's mismatch, with etcd's diagnosis where etcd is at fault and the evidence is certain."""
    message = "the API server is not ready"
    try:
        etcd_clients(lab, None, node)[0].revision()
    except NotServed as error:
        about = not_served(lab, node, message, error)
        return Mismatch(message, "ok from /readyz", f"{found}; etcd: {about.found}", about.diagnosis)
    return Mismatch(message, "ok from /readyz", found)
