"""Clients for a lab's etcds: whose certificates are used, and which endpoints there are."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from cka_lab.etcd.client import EtcdClient
from cka_lab.etcd.process import EtcdProcess, address, find_etcds
from cka_lab.tls import context, kept_context
from cka_lab.wire import NotServed, connections

if TYPE_CHECKING:
    from cka_lab.api import LabView, NodeView


def contexts(lab: LabView, node: NodeView, etcd: EtcdProcess | None = None) -> Iterator[ssl.SSLContext]:
    """The lab's own client first, then the pair that etcd itself serves with.

    The server is trusted when the lab's kept CA or the CA that etcd's own flags name has signed it.
    """
    kept = lab.client_files()
    ca = (etcd.file(node, "trusted-ca-file") if etcd else None) or b""
    yield kept_context(kept, ca)
    if etcd is None:
        return
    cert, key = etcd.file(node, "cert-file"), etcd.file(node, "key-file")
    if cert and key:
        with suppress(ssl.SSLError):
            yield context(kept["ca"] + b"\n" + ca, cert, key)


def client(lab: LabView, url: str, node: str | None = None) -> EtcdClient:
    """A client of one endpoint, with the certificates of the etcd that listens there, if one does."""
    place = lab.node(node)
    port = address(url)[1]
    etcds = [e for e in find_etcds(place) if any(address(u)[1] == port for u in e.client_urls)]
    exact = [e for e in etcds if any(address(u) == address(url) for u in e.client_urls)]
    return EtcdClient(place, url, contexts(lab, place, next(iter(exact or etcds), None)), connections(lab))


def clients(lab: LabView, endpoints: Sequence[str] | None = None, node: str | None = None) -> list[EtcdClient]:
    """A client of each endpoint, else of each running etcd's first client URL. NotServed where no etcd runs."""
    if endpoints:
        return [client(lab, url, node) for url in endpoints]
    place = lab.node(node)
    found = [
        EtcdClient(place, etcd.client_urls[0], contexts(lab, place, etcd), connections(lab))
        for etcd in find_etcds(place)
        if etcd.client_urls
    ]
    if not found:
        raise NotServed("refused", "no etcd is running")
    return found
