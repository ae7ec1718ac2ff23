"""Certificates as files."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from cka_lab.api import LabFailure, LabPath, LabView, MarkName, Mismatch, NodeView, Unreadable, grader

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

LIMIT = 1 << 20


@grader("certificate")
def certificate(
    lab: LabView,
    *,
    path: LabPath,
    cn: str | None = None,
    org: str | None = None,
    sans: Sequence[str] = (),
    ca: LabPath | None = None,
    key: LabPath | None = None,
    days: int | None = None,
    fingerprint: MarkName | None = None,
    node: str | None = None,
) -> Mismatch | None:
    """The first certificate in a PEM file: its common name, organisation, at least these alternative names; signed by
    the certificate in ``ca``; belonging to the private ``key``; valid now and for ``days`` more; the very one that a
    mark recorded (SHA-256 fingerprint, so a renewed one fails and a file written anew doesn't).
    """
    place = lab.node(node)
    found = _load(place, path)
    if isinstance(found, Mismatch):
        return found
    wrong = [
        *_wrong_names(path, found, cn, org, sans),
        *_wrong_time(path, found, days),
        *(_wrong_ca(place, path, found, ca) if ca else ()),
        *(_wrong_key(place, path, found, key) if key else ()),
        *(_wrong_fingerprint(lab, path, found, fingerprint) if fingerprint else ()),
    ]
    return wrong[0] if wrong else None


def _read(node: NodeView, path: str) -> bytes | Mismatch:
    try:
        return node.read(path, LIMIT)
    except FileNotFoundError:
        return Mismatch(f"{path} does not exist", "a PEM file", "nothing")
    except Unreadable as error:
        return Mismatch(f"{path} can't be read", "a PEM file", error.message)


def _load(node: NodeView, path: str) -> Certificate | Mismatch:
    from cryptography.x509 import load_pem_x509_certificate

    data = _read(node, path)
    if isinstance(data, Mismatch):
        return data
    try:
        return load_pem_x509_certificate(data)
    except ValueError:
        return Mismatch(f"{path} holds no certificate", "a certificate in PEM", "something else")


def _wrong_names(
    path: str, found: Certificate, cn: str | None, org: str | None, sans: Sequence[str]
) -> Iterator[Mismatch]:
    from cryptography.x509.oid import NameOID

    for oid, wanted, word in (
        (NameOID.COMMON_NAME, cn, "common name"),
        (NameOID.ORGANIZATION_NAME, org, "organisation"),
    ):
        values = [str(a.value) for a in found.subject.get_attributes_for_oid(oid)]
        if wanted is not None and wanted not in values:
            yield Mismatch(f"{path} has another {word}", wanted, ", ".join(values) or "none")
    names = alternative_names(found)
    if missing := [name for name in sans if name not in names]:
        yield Mismatch(f"{path} is not for {missing[0]}", ", ".join(sans), ", ".join(names) or "no alternative names")


def alternative_names(found: Certificate) -> list[str]:
    """DNS names and addresses."""
    from cryptography.x509 import DNSName, ExtensionNotFound, IPAddress, SubjectAlternativeName

    try:
        sans = found.extensions.get_extension_for_class(SubjectAlternativeName).value
    except (ExtensionNotFound, ValueError):
        return []
    return [*sans.get_values_for_type(DNSName), *map(str, sans.get_values_for_type(IPAddress))]


def _wrong_time(path: str, found: Certificate, days: int | None) -> Iterator[Mismatch]:
    now = datetime.datetime.now(datetime.UTC)
    left = found.not_valid_after_utc - now
    if left.total_seconds() < 0:
        yield Mismatch(f"{path} has expired", "a valid certificate", f"ended {found.not_valid_after_utc:%Y-%m-%d}")
    elif found.not_valid_before_utc > now:
        yield Mismatch(f"{path} is not valid yet", "valid now", f"from {found.not_valid_before_utc:%Y-%m-%d %H:%M}")
    elif days is not None and left < datetime.timedelta(days=days):
        yield Mismatch(f"{path} ends too soon", f"valid for {days} days or more", f"{left.days} days")


def _wrong_ca(node: NodeView, path: str, found: Certificate, ca: str) -> Iterator[Mismatch]:
    from cryptography.exceptions import InvalidSignature

    issuer = _load(node, ca)
    if isinstance(issuer, Mismatch):
        yield issuer
        return
    try:
        found.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError):
        yield Mismatch(f"{path} was not signed by {ca}", issuer.subject.rfc4514_string(), found.issuer.rfc4514_string())


def _wrong_key(node: NodeView, path: str, found: Certificate, key: str) -> Iterator[Mismatch]:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    data = _read(node, key)
    if isinstance(data, Mismatch):
        yield data
        return
    try:
        private = load_pem_private_key(data, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        yield Mismatch(f"{key} holds no private key", "a private key in PEM", "something else")
        return
    if private.public_key() != found.public_key():
        yield Mismatch(f"{key} is not the key of {path}", "a matching pair", "two that don't belong together")


def _wrong_fingerprint(lab: LabView, path: str, found: Certificate, mark: str) -> Iterator[Mismatch]:
    from cryptography.hazmat.primitives.hashes import SHA256

    recorded = lab.marks[mark].facts.get("fingerprint")
    if recorded is None:
        raise LabFailure(f"the mark {mark} has no fingerprint")
    if found.fingerprint(SHA256()).hex() != recorded:
        yield Mismatch(f"{path} is another certificate than before", "the one that was there", "a new one")
