"""What befell a cluster from outside: then what fails there is ours, and not the learner's."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from cka_lab.errors import CkaLabError
from cka_lab.providers.kind import containers
from cka_lab.providers.kind.baseline import Known
from cka_lab.providers.kind.engine import engine, ours
from cka_lab.providers.kind.node import KindNode
from cka_lab.providers.kind.state import State

FULL_KIB = 32 << 10
"""Less free disk than that counts as none: etcd stops writing soon."""
LATELY = 120.0
"""Seconds for which a kill by the kernel, for want of memory, is remembered; a reset makes it forgotten."""
LOOK = """
echo $(cut -d' ' -f1 /proc/uptime) $(date +%s.%N)
df -k --output=avail,fstype,target /var /var/lib/etcd 2>/dev/null | tail -n +2
echo --
dmesg 2>/dev/null | grep -a 'oom-kill:' | tail -n 20
"""


def of(state: State, known: Mapping[str, Known]) -> str:
    """Why the cluster can't be trusted now; empty as a rule. ``known``: of its nodes, where a baseline is saved."""
    try:
        return next(_findings(state, known), "")
    except CkaLabError as error:
        return error.message


def _findings(state: State, known: Mapping[str, Known]) -> Iterator[str]:
    for name in state.containers:
        if (status := containers.status(name)) != "running":
            yield f"the container {name} is {status}"
        elif not containers.address(name, state.cluster):
            yield f"the container {name} is cut off from its network"
    for name in state.nodes:
        yield from _of_node(KindNode(name), known.get(name, Known()))


def _of_node(node: KindNode, known: Known) -> Iterator[str]:
    with ours(node.container):
        id_: str = engine().api.inspect_container(node.container)["Id"]
    facts, _, kills = node.run(["bash", "-c", LOOK], timeout=15).text.partition("--\n")
    clocks, *disks = facts.splitlines()
    uptime, now = map(float, clocks.split())
    since = uptime - min(LATELY, now - float(known.since or 0))
    for line in disks:
        free, _, target = line.split()
        if int(free) < FULL_KIB and target not in known.disks:
            yield f"there is no disk space left on {node.container} at {target}"
    for line in kills.splitlines():
        if killed := _killed_since(line, id_, since):
            yield f"memory ran out: the kernel ended {killed} on {node.container}"


def _killed_since(line: str, id_: str, since: float) -> str:
    """The program that the kernel ended in a container, for want of memory that is not its Pod's own."""
    found = re.search(
        r"\[\s*([\d.]+)\].*oom-kill:constraint=(\w+).*?(?:oom_memcg=(\S*?),)?task_memcg=(\S*?),task=(\S*?),", line
    )
    if not found or id_ not in found[4] or float(found[1]) < since:
        return ""
    of_a_pod = found[2] == "CONSTRAINT_MEMCG" and "kubepods" in (found[3] or "")
    return "" if of_a_pod else found[5]
