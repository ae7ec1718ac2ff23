"""Faults on certificates and kubeconfigs: real X.509, signed by the lab's own CAs."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any, Literal

from cka_lab.api import LabFailure, LabPath, LabWriter, Node, fault

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

How = Literal["expire", "shorten", "reissue", "swap-key", "foreign-ca"]


@fault("spoil_certificate")
def spoil_certificate(
    lab: LabWriter,
    *,
    path: LabPath,
    how: How,
    days: int = 3,
    sans: tuple[str, ...] | None = None,
    ca: LabPath | None = None,
    restart: str = "",
    node: str | None = None,
) -> None:
    """Make the certificate in ``path`` (its key lies beside it, as .key) anew, from what it says now.

    ``expire``: it ended yesterday; ``shorten``: it ends in ``days`` days; ``reissue``: with other ``sans``;
    ``swap-key``: only the key file gets another key; ``foreign-ca``: signed by a CA that nobody knows. ``ca``: the CA's
    certificate that signs (its key beside it); by default ca.crt of the same folder. ``restart``: the static pod that
    serves it.
    """
    place = lab.node(node)
    key_path = path.removesuffix(".crt") + ".key"
    if how == "swap-key":
        from cka_lab.pki import new_key, pem

        place.write(key_path, pem(new_key("rsa")), 0o600)
    else:
        place.write(path, _made_anew(place, path, how, days, sans, ca or path.rsplit("/", 1)[0] + "/ca.crt"), 0o644)
    if restart:
        _restart(place, restart)


def _made_anew(
    place: Node, path: str, how: How, days: int, sans: tuple[str, ...] | None, ca: str
) -> bytes:  # fmt: skip
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from cryptography.x509 import load_pem_x509_certificate

    from cka_lab.pki import Authority

    old = load_pem_x509_certificate(place.read(path))
    if how == "foreign-ca":
        stranger = Authority.make("kubernetes", "rsa")
        signer: Any = stranger.key
        issuer = stranger.certificate
    else:
        issuer = load_pem_x509_certificate(place.read(ca))
        signer = load_pem_private_key(place.read(ca.removesuffix(".crt") + ".key"), None)
    made = _builder(old, issuer, _ends(how, days, old), sans).sign(signer, hashes.SHA256())
    return bytes(made.public_bytes(serialization.Encoding.PEM))


def _ends(how: How, days: int, old: Certificate) -> datetime.datetime:
    now = datetime.datetime.now(datetime.UTC)
    if how == "expire":
        return now - datetime.timedelta(days=1)
    return now + datetime.timedelta(days=days) if how == "shorten" else old.not_valid_after_utc


def _builder(old: Certificate, issuer: Certificate, ends: datetime.datetime, sans: tuple[str, ...] | None) -> Any:
    """The old certificate's subject, key and extensions, with another end and other names."""
    from cryptography import x509

    from cka_lab.pki import alternative_name, key_identifier

    begins = min(old.not_valid_before_utc, ends - datetime.timedelta(days=365))
    builder = x509.CertificateBuilder(
        issuer.subject, old.subject, old.public_key(), x509.random_serial_number(), begins, ends
    )  # fmt: skip
    for extension in old.extensions:
        value = extension.value
        if isinstance(value, x509.AuthorityKeyIdentifier):
            value = key_identifier(issuer)
        if isinstance(value, x509.SubjectAlternativeName) and sans is not None:
            value = x509.SubjectAlternativeName([alternative_name(name) for name in sans])
        builder = builder.add_extension(value, extension.critical)
    return builder


def _restart(place: Node, pod: str) -> None:
    from cka_lab.injectors.pods import go_on, halt

    halt(place, pod)
    go_on(place)


@fault("edit_kubeconfig")
def edit_kubeconfig(
    lab: LabWriter,
    *,
    path: LabPath,
    server: str | None = None,
    ca: LabPath | None = None,
    user: str | None = None,
    context: str | None = None,
    node: str | None = None,
) -> None:
    """Let a kubeconfig name another ``server``, trust the certificate in ``ca``, have its contexts use a ``user`` that
    may not exist, or a current ``context`` of that name.
    """
    import base64

    import yaml

    place = lab.node(node)
    config = yaml.safe_load(place.read(path, 1 << 20))
    if not isinstance(config, dict) or "clusters" not in config:
        raise LabFailure(f"edit_kubeconfig: {path} is no kubeconfig")
    for entry in config["clusters"]:
        if server:
            entry["cluster"]["server"] = server
        if ca:
            entry["cluster"]["certificate-authority-data"] = base64.b64encode(place.read(ca)).decode()
    for entry in config["contexts"] if user else ():
        entry["context"]["user"] = user
    if context:
        config["current-context"] = context
    info = place.stat(path)
    place.write(path, yaml.safe_dump(config).encode(), info.mode if info else 0o600)
