"""Set-up steps that write to a running etcd, and marks of what was there."""

from __future__ import annotations

import hashlib
import json
import secrets
import ssl
import time
import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

from cka_lab.api import LabFailure, LabPath, LabWriter, Mark, RecordedMark, fault, find_etcds
from cka_lab.etcd.client import EtcdClient, b64
from cka_lab.etcd.reach import clients
from cka_lab.injectors.kube import described
from cka_lab.wire import NotServed


def running_etcd(lab: LabWriter) -> EtcdClient:
    """A client of the lab's first running etcd."""
    try:
        return clients(lab)[0]
    except NotServed as error:
        raise LabFailure(f"the set-up needs a running etcd: {error.why}") from error


@fault("put_keys")
def put_keys(
    lab: LabWriter,
    *,
    prefix: str = "",
    keys: Sequence[str] = (),
    count: int = 1,
    size: int = 64,
    random_name: bool = False,
    delete: bool = False,
    mark: RecordedMark | None = None,
) -> None:
    """Write ``keys``, or ``count`` keys named ``prefix`` and a number (or random letters), with random values of
    ``size`` bytes; those below /registry/configmaps are ConfigMaps as an API server stores them.

    ``mark`` records every key, the bytes of its value and its create revision. With ``delete`` the keys are deleted:
    ``keys``, those of ``mark`` (which records the revision of that), or else the ones that the same call without
    ``delete`` writes.
    """
    names = list(keys) or [prefix + (secrets.token_hex(6) if random_name else str(i)) for i in range(count)]
    client = running_etcd(lab)
    try:
        if delete:
            revision = client.delete_many(_marked(lab, mark) if mark and not keys else names)
            if mark:
                kept = lab.marks[mark]
                lab.record(replace(kept, facts={**kept.facts, "deleted": revision}))
            return
        pairs = {name: _value(name, size) for name in names}
        client.put_many(list(pairs.items()))
        if mark:
            lab.record(_mark_of(client, mark, pairs))
    except NotServed as error:
        raise LabFailure(f"etcd did not take the set-up's keys: {error.why}") from error


def _value(key: str, size: int) -> bytes:
    """A random text; where an API server would look for a ConfigMap, one that holds it (others make its lists fail)."""
    text = secrets.token_urlsafe(size)[:size]
    parts = key.split("/")
    if parts[:3] != ["", "registry", "configmaps"] or len(parts) != 5:
        return text.encode()
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    about = {"name": parts[4], "namespace": parts[3], "uid": str(uuid.uuid4()), "creationTimestamp": now}
    return json.dumps({"kind": "ConfigMap", "apiVersion": "v1", "metadata": about, "data": {"value": text}}).encode()


def _marked(lab: LabWriter, mark: str) -> list[str]:
    return list(lab.marks[mark].facts["keys"])


def _mark_of(client: EtcdClient, mark: str, pairs: dict[str, bytes]) -> Mark:
    """The mark of freshly written keys: its own fields are those of the first one, ``facts["keys"]`` has all."""
    about: dict[str, dict[str, Any]] = {}
    for (name, value), found in zip(pairs.items(), client.get_many(list(pairs)), strict=True):
        if found is None or found.value != value:
            raise LabFailure(f"etcd does not hold the key {name} that the set-up wrote")
        about[name] = {"sha256": hashlib.sha256(value).hexdigest(), "created": found.created}
        if value.startswith(b'{"kind": "ConfigMap"'):
            about[name]["uid"] = json.loads(value)["metadata"]["uid"]
    first = next(iter(pairs))
    revision = max(entry["created"] for entry in about.values())
    facts = {"kind": "keys", "keys": about, "revision": revision}
    return Mark(mark, key=first, value=b64(pairs[first]), created=about[first]["created"], facts=facts)


@fault("record")
def record(
    lab: LabWriter,
    *,
    mark: RecordedMark,
    what: Literal["sha256", "revision", "process", "objects"],
    path: LabPath = "",
    objects: Sequence[str] = (),
    node: str | None = None,
) -> None:
    """Keep a fact for later: ``what`` is sha256 (of the file at ``path``; of a certificate its fingerprint as well),
    revision (of the store), process (etcd's own), or objects (of the API: KIND/NAME, KIND/NAMESPACE/NAME, or with * as
    the name all of them; their uid, spec and data).
    """
    facts: dict[str, Any] = {"kind": what}
    if what == "objects":
        facts["objects"] = described(lab, objects)
    elif what == "sha256":
        data = lab.node(node).read(path, 1 << 30)
        facts |= {"path": path, "sha256": hashlib.sha256(data).hexdigest(), "file_size": len(data)}
        if data.startswith(b"-----BEGIN CERTIFICATE-----"):
            facts["fingerprint"] = hashlib.sha256(ssl.PEM_cert_to_DER_cert(data.decode())).hexdigest()
    elif what == "process":
        process = find_etcds(lab.node())[0].process
        facts |= {"pid": process.pid, "started": time.time() - process.age}
    else:
        try:
            facts["revision"] = running_etcd(lab).revision()
        except NotServed as error:
            raise LabFailure(f"etcd's revision can't be recorded: {error.why}") from error
    lab.record(Mark(mark, facts=facts))
