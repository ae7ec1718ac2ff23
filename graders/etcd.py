"""Is etcd healthy, who are its members, what does its status say?"""

from __future__ import annotations

import math
from collections.abc import Sequence

from cka_lab.api import EtcdProcess, LabView, Mismatch, NotServed, etcd_address, etcd_clients, find_etcds, grader
from graders._etcd_facts import not_served
from graders._settle import settle

YOUNGEST = 1.0
"""Seconds that a healthy etcd has been up at least, also where no age is asked: a flapping one does not pass."""


@grader("etcd_health")
def etcd_health(
    lab: LabView,
    *,
    endpoints: Sequence[str] | None = None,
    members: int | None = None,
    age: float = 0,
    node: str | None = None,
) -> Mismatch | None:
    """Every endpoint (else every running etcd's first client URL) answers a linearizable read, has no alarm, and all
    name one and the same leader; the processes behind them have been up for ``age`` seconds.

    Tells apart: an etcd that is down while a finished restore lies elsewhere (manifest-not-repointed), one that gave up
    TLS (plain-http). A flapping etcd fails by the age of its process, which must be the same before and after.
    """
    settle(lab, node)
    before = _serving(lab, endpoints, node)
    if mismatch := _answers(lab, endpoints, members, node):
        return mismatch
    wanted = max(age, YOUNGEST)
    lab.hold(wanted, lambda: _age(_serving(lab, endpoints, node)))
    after = _serving(lab, endpoints, node)
    if [e.pid for e in before] != [e.pid for e in after] or (so_far := _age(after)) < wanted:
        so_far = _age(after)
        found = f"its process has been up for {so_far:.1f} s" if after else "its process has ended"
        return Mismatch("etcd does not stay up", f"up for {wanted:g} s", found)
    return _answers(lab, endpoints, members, node) if age > YOUNGEST else None


def _serving(lab: LabView, endpoints: Sequence[str] | None, node: str | None) -> list[EtcdProcess]:
    """The etcd processes behind the endpoints; all of them where none are named."""
    etcds = find_etcds(lab.node(node))
    if not endpoints:
        return etcds
    ports = {etcd_address(url)[1] for url in endpoints}
    return [etcd for etcd in etcds if any(port in ports for _, port in etcd.addresses)]


def _age(etcds: Sequence[EtcdProcess]) -> float:
    return min((etcd.process.age for etcd in etcds), default=-math.inf)


def _answers(lab: LabView, endpoints: Sequence[str] | None, members: int | None, node: str | None) -> Mismatch | None:
    leaders = {}
    url = endpoints[0] if endpoints else ""
    try:
        for client in etcd_clients(lab, endpoints, node):
            url = client.url
            if alarms := client.alarms():
                return Mismatch("etcd has raised an alarm", "no alarm", ", ".join(alarms))
            client.revision()
            leaders[url] = client.status().get("leader", "0")
        count = len(client.members()) if members is not None else None
    except NotServed as error:
        return not_served(lab, node, "etcd is not healthy", error, url)
    if len(set(leaders.values())) != 1 or "0" in leaders.values():
        found = ", ".join(f"{url}: {leader}" for url, leader in leaders.items())
        return Mismatch("etcd has not one leader", "one leader that all endpoints name", found)
    if count != members:
        return Mismatch("the number of members is wrong", str(members), str(count))
    return None
