"""The client of etcd's JSON gateway against a server that answers, refuses, talks nonsense or says nothing."""

import base64
import http.server
import json
import socket
import ssl
import threading
import time

import pytest

from cka_lab import wire
from cka_lab.api import LabGone
from cka_lab.etcd.client import BATCH, EtcdClient, NotServed, prefix_range
from cka_lab.pki import CLIENT, SERVER, Authority
from cka_lab.providers.fake import FakeNode
from cka_lab.tls import context, kept_context


def b64(text):
    return base64.b64encode(text.encode()).decode()


def kv(key, value="v", created=3):
    return {"key": b64(key), "value": b64(value), "create_revision": str(created), "mod_revision": "9", "version": "2"}


class HostNode(FakeNode):
    """Its addresses are this machine's."""

    def connect(self, host, port, timeout=3.0):
        return socket.create_connection((host, port), timeout)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append((self.path, json.loads(body or b"{}")))
        self._reply(*self.server.answers.get(self.path, (404, {"message": "Not Found"})))

    def do_GET(self):
        self._reply(*self.server.answers[self.path])

    def _reply(self, status, answer):
        data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A refused handshake is what these tests are about."""


@pytest.fixture
def serve():
    """serve(answers, tls=None) -> (url, what was asked)."""
    servers = []

    def start(answers, tls=None):
        server = Server(("127.0.0.1", 0), Handler)
        server.answers, server.asked = answers, []
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}", server.asked

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def raw():
    """raw(bytes or None) -> url of something that is no etcd; None says nothing."""
    sockets = []

    def start(data):
        listener = socket.create_server(("127.0.0.1", 0))
        sockets.append(listener)

        def answer():
            made, _ = listener.accept()
            sockets.append(made)
            if data is not None:
                made.recv(65536)
                made.sendall(data)
                made.close()

        threading.Thread(target=answer, daemon=True).start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    yield start
    for made in sockets:
        made.close()


def client(url, *contexts):
    return EtcdClient(HostNode(), url, contexts)


def test_a_key_comes_with_its_identity(serve):
    url, asked = serve({"/v3/kv/range": (200, {"kvs": [kv("/a", "x", 5)]})})
    found = client(url).get("/a", serializable=True)
    assert (found.key, found.value, found.created, found.modified, found.version) == ("/a", b"x", 5, 9, 2)
    assert asked == [("/v3/kv/range", {"key": b64("/a"), "serializable": True})]


def test_a_key_without_a_value_is_empty(serve):
    url, _ = serve({"/v3/kv/range": (200, {"kvs": [{"key": b64("/a"), "create_revision": "2"}]})})
    assert client(url).get("/a").value == b""


def test_no_key(serve):
    url, _ = serve({"/v3/kv/range": (200, {"header": {"revision": "7"}})})
    assert client(url).get("/a") is None
    assert client(url).range("/a") == []
    assert client(url).count("/a") == 0
    assert client(url).revision() == 7


def test_many_keys_are_asked_at_once_and_keep_their_order(serve):
    answer = {"responses": [{"response_range": {"kvs": [kv("/a")]}}, {"response_range": {}}]}
    url, asked = serve({"/v3/kv/txn": (200, answer)})
    assert [k and k.key for k in client(url).get_many(["/a", "/b"])] == ["/a", None]
    assert len(asked) == 1


def test_writes_stay_below_etcds_limits(serve):
    url, asked = serve({"/v3/kv/txn": (200, {"header": {"revision": "12"}})})
    assert client(url).put_many([(f"/k{i}", b"x") for i in range(BATCH * 2 + 1)]) == 12
    assert [len(body["success"]) for _, body in asked] == [BATCH, BATCH, 1]
    asked.clear()
    client(url).put_many([(f"/k{i}", b"x" * 400_000) for i in range(5)])
    assert [len(body["success"]) for _, body in asked] == [2, 2, 1]
    asked.clear()
    client(url).put_many([])
    assert asked == []


@pytest.mark.parametrize(("prefix", "end"), [("/a", "/b"), ("/registry/", "/registry0"), ("z", "{"), ("", "\0")])
def test_the_range_of_a_prefix(prefix, end):
    assert prefix_range(prefix) == {"key": b64(prefix or "\0"), "range_end": b64(end)}


def test_etcds_own_refusal_is_its_own_words(serve):
    url, _ = serve({"/v3/kv/range": (503, {"error": "etcdserver: request timed out", "code": 14})})
    with pytest.raises(NotServed, match="etcdserver: request timed out") as error:
        client(url).get("/a")
    assert error.value.kind == "error"


@pytest.mark.parametrize("answer", [{"message": "no leader"}, {"error": {"message": "no leader"}}, b"no leader\n"])
def test_every_shape_of_an_error_is_told(serve, answer):
    url, _ = serve({"/v3/kv/range": (500, answer)})
    with pytest.raises(NotServed, match="no leader"):
        client(url).get("/a")


def test_health(serve):
    bad = {"health": "false", "reason": "ALARM NOSPACE"}
    assert client(serve({"/health": (200, {"health": "true", "reason": ""})})[0]).healthy() == ""
    assert client(serve({"/health": (503, bad)})[0]).healthy() == "ALARM NOSPACE"
    assert client(serve({"/health": (200, {"health": "false"})})[0]).healthy()


def test_a_snapshot_comes_in_parts(serve):
    parts = b"\n".join(json.dumps({"result": {"blob": b64(text)}}).encode() for text in ("ab", "cd"))
    assert b"".join(client(serve({"/v3/maintenance/snapshot": (200, parts)})[0]).snapshot()) == b"abcd"


def test_a_snapshot_that_fails_half_way(serve):
    parts = json.dumps({"result": {"blob": b64("ab")}}).encode() + b'\n{"error":{"message":"it broke"}}'
    with pytest.raises(NotServed, match="it broke"):
        list(client(serve({"/v3/maintenance/snapshot": (200, parts)})[0]).snapshot())


def test_nobody_listens():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(NotServed, match="connection refused") as error:
        client(f"http://127.0.0.1:{port}").get("/a")
    assert error.value.kind == "refused"


def test_no_such_host():
    with pytest.raises(NotServed) as error:
        client("http://no-such-host.invalid:2379").get("/a")
    assert error.value.kind == "refused"


@pytest.mark.parametrize(
    "data", [b"", b"\x15\x03\x01\x00\x02\x02\x16", b"HTTP/1.1 200 OK\r\n\r\n<html>", b"HTTP/1.1\r\n\r\n", b"SSH-2.0\n"]
)
def test_what_is_no_etcd_is_the_learners_matter(raw, data):
    with pytest.raises(NotServed):
        client(raw(data)).get("/a")


@pytest.mark.parametrize(
    "answer", [b"[1, 2]", b'"text"', b"7", b"null", b'{"kvs": "x"}', b'{"kvs": [1]}', b'{"kvs": [{}]}']
)
def test_json_that_is_not_etcds_is_the_learners_matter(serve, answer):
    with pytest.raises(NotServed):
        client(serve({"/v3/kv/range": (200, answer)})[0]).get("/a")


def test_json_without_a_revision_is_the_learners_matter(serve):
    with pytest.raises(NotServed):
        client(serve({"/v3/kv/range": (200, {})})[0]).revision()


def test_health_that_is_no_json_is_the_learners_matter(serve):
    with pytest.raises(NotServed):
        client(serve({"/health": (200, b"<html>")})[0]).healthy()


def test_who_says_nothing_is_left_in_time(raw, monkeypatch):
    monkeypatch.setattr(wire, "TIMEOUT", 0.2)
    began = time.monotonic()
    with pytest.raises(NotServed) as error:
        client(raw(None)).get("/a")
    assert error.value.kind == "silent"
    assert time.monotonic() - began < 2


def test_who_drips_without_end_is_left_in_time(monkeypatch):
    monkeypatch.setattr(wire, "TIMEOUT", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        done = threading.Event()

        def drip():
            made, _ = listener.accept()
            with made:
                while not done.wait(0.05):
                    try:
                        made.sendall(b"H")
                    except OSError:
                        return

        threading.Thread(target=drip, daemon=True).start()
        began = time.monotonic()
        try:
            with pytest.raises(NotServed):
                client(f"http://127.0.0.1:{listener.getsockname()[1]}").get("/a")
        finally:
            done.set()
    assert time.monotonic() - began < 3


def test_a_lab_that_is_gone_is_our_failure():
    class Gone(FakeNode):
        def connect(self, host, port, timeout=3.0):
            raise LabGone("gone")

    with pytest.raises(LabGone):
        EtcdClient(Gone(), "http://127.0.0.1:2379", []).get("/a")


# -- TLS --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority():
    return Authority.make("etcd-ca", "ecdsa")


@pytest.fixture(scope="module")
def stranger():
    return Authority.make("other-ca", "ecdsa")


def server_context(tmp_path, authority, trusted=None, sans=("127.0.0.1",)):
    (tmp_path / "pair.pem").write_bytes(b"".join(authority.pair("etcd", [SERVER], sans)))
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(tmp_path / "pair.pem")
    if trusted:
        made.load_verify_locations(cadata=trusted.pem.decode())
        made.verify_mode = ssl.CERT_REQUIRED
    return made


def pair(authority):
    return authority.pair("grader", [CLIENT])


ANSWER = {"/v3/kv/range": (200, {"header": {"revision": "4"}})}


def test_the_kept_pair_is_taken(serve, tmp_path, authority):
    url, _ = serve(ANSWER, server_context(tmp_path, authority, authority))
    assert client(url, context(authority.pem, *pair(authority))).revision() == 4


def test_the_next_pair_is_tried_when_the_first_is_refused(serve, tmp_path, authority, stranger):
    url, _ = serve(ANSWER, server_context(tmp_path, authority, authority))
    contexts = [context(authority.pem, *pair(stranger)), context(authority.pem, *pair(authority))]
    made = client(url, *contexts)
    assert made.revision() == 4
    assert made.revision() == 4


@pytest.mark.parametrize("who", ["nobody", "a stranger"])
def test_a_client_that_is_not_trusted_is_told_so(serve, tmp_path, authority, stranger, who):
    url, _ = serve(ANSWER, server_context(tmp_path, authority, authority))
    with pytest.raises(NotServed, match="TLS") as error:
        client(url, context(authority.pem, *(pair(stranger) if who == "a stranger" else ()))).revision()
    assert error.value.kind == "tls"


def test_a_server_of_another_ca_is_refused(serve, tmp_path, authority, stranger):
    url, _ = serve(ANSWER, server_context(tmp_path, stranger))
    with pytest.raises(NotServed, match="certificate") as error:
        client(url, context(authority.pem)).revision()
    assert error.value.kind == "tls"


def test_a_server_with_another_name_is_refused(serve, tmp_path, authority):
    url, _ = serve(ANSWER, server_context(tmp_path, authority, sans=("10.9.9.9",)))
    with pytest.raises(NotServed) as error:
        client(url, context(authority.pem)).revision()
    assert error.value.kind == "tls"


def test_plain_http_behind_https_is_refused(serve, authority):
    url, _ = serve(ANSWER)
    with pytest.raises(NotServed):
        client(url.replace("http:", "https:"), context(authority.pem)).revision()


def test_without_any_certificate_nothing_is_asked():
    with pytest.raises(NotServed, match="certificate"):
        client("https://127.0.0.1:1").revision()


def test_a_ca_of_the_learner_that_is_garbage_does_not_spoil_ours(authority):
    cert, key = pair(authority)
    for garbage in (b"", b"no PEM", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", b"\xff\x00"):
        kept_context({"ca": authority.pem, "cert": cert, "key": key}, garbage)
