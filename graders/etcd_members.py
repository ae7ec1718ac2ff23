"""Who belongs to the etcd cluster, and does each of them answer?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cka_lab.api import LabView, Mismatch, NotServed, etcd_client, etcd_clients, grader
from graders._etcd_facts import not_served
from graders._settle import settle

Member = Mapping[str, Any]


@grader("etcd_members")
def etcd_members(
    lab: LabView,
    *,
    count: int | None = None,
    names: Sequence[str] | None = None,
    peer_urls: Mapping[str, str] | None = None,
    client_urls: Mapping[str, str] | None = None,
    answering: bool = False,
    voting: Sequence[str] | None = None,
    endpoint: str | None = None,
    node: str | None = None,
) -> Mismatch | None:
    """The member list: how many, exactly which ``names``, each one's peer and client URL, who votes (is no learner).

    ``answering``: every member answers a linearizable read at a client URL that it advertises, and names the same
    leader; the list alone proves nothing, since it also shows who has long been gone. Tells a member that was added but
    never started (it has no name yet), and one that forms a cluster of its own.
    """
    settle(lab, node)
    try:
        client = etcd_client(lab, endpoint, node) if endpoint else etcd_clients(lab, None, node)[0]
        members = client.members()
    except NotServed as error:
        return not_served(lab, node, "etcd's member list can't be read", error, endpoint or "")
    wrong = [
        *_wrong_names(members, count, names),
        *_wrong_urls(members, "peerURLs", peer_urls or {}),
        *_wrong_urls(members, "clientURLs", client_urls or {}),
        *_not_voting(members, voting or ()),
    ]
    if wrong:
        return wrong[0]
    return next(_not_answering(lab, node, members), None) if answering else None


def _wrong_names(members: Sequence[Member], count: int | None, names: Sequence[str] | None) -> Iterator[Mismatch]:
    found = sorted(str(m.get("name") or "(not started)") for m in members)
    if count is not None and len(members) != count:
        yield Mismatch("the number of members is wrong", str(count), f"{len(members)}: {', '.join(found)}")
    if names is not None and found != sorted(names):
        yield Mismatch("the members are not the right ones", ", ".join(sorted(names)), ", ".join(found))


def _wrong_urls(members: Sequence[Member], kind: str, wanted: Mapping[str, str]) -> Iterator[Mismatch]:
    by_name = {m.get("name"): m.get(kind) or [] for m in members}
    for name, url in wanted.items():
        if url.rstrip("/") not in by_name.get(name, []):
            found = ", ".join(by_name.get(name, [])) or "nothing"
            yield Mismatch(f"the member {name} has another {kind.removesuffix('URLs')} URL", url, found)


def _not_voting(members: Sequence[Member], names: Sequence[str]) -> Iterator[Mismatch]:
    by_name = {m.get("name"): m for m in members}
    for name in names:
        if name not in by_name:
            yield Mismatch(f"there is no member {name}", "a voting member", "none of that name")
        elif by_name[name].get("isLearner"):
            yield Mismatch(f"the member {name} does not vote", "a voting member", "a learner")


def _not_answering(lab: LabView, node: str | None, members: Sequence[Member]) -> Iterator[Mismatch]:
    leaders = {}
    for member in members:
        name = member.get("name") or member.get("ID")
        urls = member.get("clientURLs") or []
        if not urls:
            yield Mismatch(f"the member {name} was added, but never started", "a started member", "no client URL")
            continue
        reason = ""
        for url in urls:
            try:
                leaders[name] = _leader(lab, node, url, str(member.get("ID")))
                break
            except NotServed as error:
                reason = error.why
        else:
            yield Mismatch(f"the member {name} does not answer", f"an answer at {urls[0]}", reason)
    if len(set(leaders.values())) > 1:
        yield Mismatch("the members don't agree on one leader", "one leader", str(leaders))


def _leader(lab: LabView, node: str | None, url: str, member: str) -> str:
    """The leader that a member names after a linearizable read. NotServed, also where another member answers."""
    client = etcd_client(lab, url, node)
    client.revision()
    status = client.status()
    if str(status["header"].get("member_id")) != member:
        raise NotServed("error", "another member answers there")
    return str(status.get("leader", "0"))
