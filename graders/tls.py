"""Who is let in at a TLS endpoint, and with which certificate it answers."""

from __future__ import annotations

import datetime
import ssl
from collections.abc import Iterator, Sequence
from typing import Literal

from cka_lab.api import (
    EtcdClient,
    LabPath,
    LabView,
    Mismatch,
    NodeView,
    NotServed,
    Unreadable,
    etcd_address,
    grader,
    has_api,
    tls_context,
    tls_handshake,
)
from graders._etcd_facts import not_served
from graders._lessons import CLIENT_AUTH_DISABLED, PLAIN_HTTP
from graders._plane import plane
from graders._settle import settle

Client = Literal["none", "stranger", "kept"]
"""A client without a certificate, with one that no CA of the lab signed, with the lab's own."""
API_PORT = 6443
CALLED = {"none": "without a certificate", "stranger": "with a stranger's certificate", "kept": "of this cluster"}


@grader("tls")
def tls(
    lab: LabView,
    *,
    endpoint: str,
    sni: str | None = None,
    ca: LabPath | None = None,
    accepts: Sequence[Client] = (),
    refuses: Sequence[Client] = (),
    days: int | None = None,
    presents: LabPath | None = None,
    node: str | None = None,
) -> Mismatch | None:
    """Makes real handshakes with ``endpoint`` and asks for /health behind them, as TLS 1.3 refuses only then.

    ``accepts`` and ``refuses``: kinds of clients. ``ca``: the server's certificate must be signed by it, for the host
    of the endpoint (or ``sni``). ``days``: it is valid that long yet; ``presents``: it is the one in that file. Tells
    apart: client-auth-disabled, plain-http.
    """
    settle(lab, node)
    if etcd_address(endpoint)[1] == API_PORT and has_api(lab):
        plane(lab, node)
    place = lab.node(node)
    try:
        for kind in accepts:
            if refusal := _refusal(lab, place, endpoint, kind):
                what = f"a client {CALLED[kind]} is refused at {endpoint}"
                return not_served(lab, node, what, NotServed("tls", refusal), endpoint)
        for kind in refuses:
            if _refusal(lab, place, endpoint, kind) is None:
                lesson = CLIENT_AUTH_DISABLED if kind == "none" else None
                return Mismatch(f"a client {CALLED[kind]} is served at {endpoint}", "it is refused", "served", lesson)
        if ca or presents or days is not None:
            return next(_certificate(lab, place, endpoint, sni, ca, days, presents), None)
    except NotServed as error:
        return not_served(lab, node, f"{endpoint} does not answer", error, endpoint)
    return None


def _refusal(lab: LabView, node: NodeView, endpoint: str, kind: Client) -> str | None:
    """What a client of that kind hears when it is refused; None when it is served. NotServed where nobody listens."""
    files = lab.client_files()
    if kind == "kept":
        context = tls_context(files["ca"], files["cert"], files["key"], verify=False)
    elif kind == "stranger":
        context = tls_context(b"", *lab.once(("stranger",), _stranger), verify=False)
    else:
        context = tls_context(b"", verify=False)
    try:
        EtcdClient(node, endpoint, [context]).healthy()
    except NotServed as error:
        if error.kind == "tls":
            return error.why
        raise
    return None


def _in_file(node: NodeView, path: str) -> bytes | None:
    """The first certificate of a PEM file, as it goes over the wire; None where there is none."""
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509 import load_pem_x509_certificate

    try:
        return load_pem_x509_certificate(node.read(path, 1 << 20)).public_bytes(Encoding.DER)
    except (FileNotFoundError, Unreadable, ValueError):
        return None


def _stranger() -> tuple[bytes, bytes]:
    """A self-signed client pair."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "stranger")])
    now = datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(days=1)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now - day, now + day)
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return builder.sign(key, hashes.SHA256()).public_bytes(pem), secret


def _certificate(
    lab: LabView, node: NodeView, endpoint: str, sni: str | None, ca: str | None, days: int | None,
    presents: str | None,
) -> Iterator[Mismatch]:  # fmt: skip
    """What is wrong with the server's certificate."""
    from cryptography.x509 import load_der_x509_certificate

    files = lab.client_files()
    host, port = etcd_address(endpoint)
    trusted = files["ca"]
    if ca:
        try:
            trusted = node.read(ca)
        except FileNotFoundError:
            yield Mismatch(f"{ca} is not there", "the CA's certificate", "nothing")
            return
        except Unreadable as error:
            yield Mismatch(f"{ca} can't be read", "the CA's certificate", error.message)
            return
    if not endpoint.startswith("https"):
        yield Mismatch(f"{endpoint} is not TLS", "https", "http", PLAIN_HTTP)
        return
    try:
        context = tls_context(trusted, files["cert"], files["key"])
    except (ssl.SSLError, ValueError):
        yield Mismatch(f"{ca} holds no certificate", "the CA's certificate in PEM", "something else")
        return
    try:
        with node.connect(host, port) as plain, tls_handshake(context, plain, sni or host) as made:
            der = made.getpeercert(binary_form=True) or b""
    except ssl.SSLError as error:
        why = getattr(error, "verify_message", "") or getattr(error, "reason", None) or str(error)
        yield Mismatch(f"the certificate at {endpoint} is not right for {sni or host}", "it verifies", str(why))
        return
    except OSError as error:
        raise NotServed("refused", str(error.strerror or error)) from error
    if presents and der != _in_file(node, presents):
        yield Mismatch(f"{endpoint} does not present the certificate in {presents}", "that one", "another one")
    left = load_der_x509_certificate(der).not_valid_after_utc - datetime.datetime.now(datetime.UTC)
    if days is not None and left < datetime.timedelta(days=days):
        yield Mismatch(
            f"the certificate at {endpoint} ends too soon", f"in {days} days or more", f"in {left.days} days"
        )
