"""TLS contexts for talking to a lab's etcd: what is trusted, and who we are."""

from __future__ import annotations

import socket
import ssl
import tempfile
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from cka_lab.errors import LabFailure


@lru_cache(maxsize=32)
def context(
    ca: bytes, cert: bytes = b"", key: bytes = b"", *, verify: bool = True, names: bool = True
) -> ssl.SSLContext:
    """A client's context: PEM bytes of the trusted CAs, and of its own pair if it has one. Without ``names`` the
    server's certificate may be for any host.

    Raises ssl.SSLError for a pair that can't be used. As lenient with keys and extensions as Go is.
    """
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.verify_flags &= ~ssl.VERIFY_X509_STRICT
    made.set_ciphers("DEFAULT:@SECLEVEL=0")
    made.check_hostname = verify and names
    if verify:
        made.load_verify_locations(cadata=ca.decode("ascii", "ignore"))
    else:
        made.verify_mode = ssl.CERT_NONE
    if cert:
        with tempfile.TemporaryDirectory(prefix="cka-lab-") as folder:
            file = Path(folder, "pair.pem")
            file.touch(0o600)
            file.write_bytes(cert + b"\n" + key)
            made.load_cert_chain(file)
    return made


def handshake(made: ssl.SSLContext, plain: socket.socket, name: str) -> ssl.SSLSocket:
    """TLS on a connection, which is closed where that fails: ssl.SSLError, or OSError where nothing answers in time.

    A server of plain HTTP closes it as a rule, and resets it now and then: both are the same SSLEOFError.
    """
    try:
        return made.wrap_socket(plain, server_hostname=name)
    except (ConnectionError, ssl.SSLEOFError) as error:
        plain.close()
        raise ssl.SSLEOFError(ssl.SSL_ERROR_EOF, "the server broke the handshake off") from error
    except BaseException:
        plain.close()
        raise


def kept_context(files: Mapping[str, bytes], ca: bytes = b"") -> ssl.SSLContext:
    """The context of the lab's own client (``client_files()``), which also trusts ``ca``."""
    try:
        return context(_joined(files["ca"], ca), files["cert"], files["key"])
    except ssl.SSLError as error:
        if ca:
            return kept_context(files)
        raise LabFailure(f"the lab's own client certificate can't be used: {error}") from error


def _joined(first: bytes, second: bytes) -> bytes:
    return first if second.strip() in first else first + b"\n" + second
