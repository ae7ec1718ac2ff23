"""kubeadm's certificates for etcd: a CA, serving, peer and client pairs, in kubeadm's own layout.

ECDSA keys by default (all pairs in 10 ms); RSA-2048, as kubeadm makes them, takes 0.1-0.5 s.
"""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID as Usage
from cryptography.x509.oid import NameOID

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
SERVER, CLIENT = Usage.SERVER_AUTH, Usage.CLIENT_AUTH
CA_DAYS, DAYS = 3650, 365


def new_key(kind: str) -> Key:
    """``kind``: ecdsa or rsa."""
    if kind == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ec.generate_private_key(ec.SECP256R1())


def pem(key: Key) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )


@dataclass(frozen=True, slots=True)
class Authority:
    """A CA and the kind of keys it hands out."""

    key: Key
    certificate: x509.Certificate
    kind: str

    @classmethod
    def make(cls, name: str, kind: str) -> Authority:
        key = new_key(kind)
        subject = _name(name)
        builder = (
            _builder(subject, subject, key, CA_DAYS)
            .add_extension(_key_usage(ca=True), critical=True)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        )
        return cls(key, builder.sign(key, hashes.SHA256()), kind)

    def pair(
        self, name: str, usages: Sequence[x509.ObjectIdentifier], sans: Sequence[str] = (), organisation: str = ""
    ) -> tuple[bytes, bytes]:
        """A certificate and its key as PEM."""
        key = new_key(self.kind)
        builder = (
            _builder(_name(name, organisation), self.certificate.subject, key, DAYS)
            .add_extension(_key_usage(ca=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(list(usages)), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(key_identifier(self.certificate), critical=False)
        )
        if sans:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([alternative_name(s) for s in sans]), critical=False
            )
        return builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM), pem(key)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)


def key_identifier(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    """What certificates of a CA call its key: as the CA does, which is not always by a SHA-1 of it."""
    with suppress(x509.ExtensionNotFound):
        named = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(named)
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key())  # type: ignore[arg-type]


def write_pair(folder: Path, name: str, pair: tuple[bytes, bytes]) -> None:
    """``name``.crt (0644) and ``name``.key (0600)."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.crt").write_bytes(pair[0])
    key = folder / f"{name}.key"
    key.write_bytes(pair[1])
    key.chmod(0o600)


def _builder(subject: x509.Name, issuer: x509.Name, key: Key, days: int) -> x509.CertificateBuilder:
    start = datetime.datetime.now(datetime.UTC) - datetime.timedelta(minutes=5)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=days))
    )


def _name(common: str, organisation: str = "") -> x509.Name:
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation)] if organisation else []
    return x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _key_usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True, key_encipherment=True, key_cert_sign=ca, crl_sign=False, content_commitment=False,
        data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def alternative_name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)
