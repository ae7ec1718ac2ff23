"""Kept connections: used again, given up when they have ended, never by two at once; every framing of an answer."""

import socket
import ssl
import struct
import threading
from contextlib import closing

import pytest

from cka_lab.tls import context
from cka_lab.wire import Connections, NotServed, tls_reason
from tests.unit.test_etcd_client import HostNode

HEAD = b"HTTP/1.1 200 OK\r\n"
LENGTH = HEAD + b"Content-Length: 2\r\n\r\nok"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\no\r\n1;x=y\r\nk\r\n0\r\n\r\n"


class Server:
    """Answers every request of a connection with the same bytes; ``per_connection`` requests, then it hangs up."""

    def __init__(self, answer, per_connection=1000):
        self.answer, self.per_connection, self.connections = answer, per_connection, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                made, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(made,), daemon=True).start()

    def _serve(self, made):
        with made:
            for _ in range(self.per_connection):
                seen = b""
                while b"\r\n\r\n" not in seen:
                    if not (part := made.recv(4096)):
                        return
                    seen += part
                made.sendall(self.answer)

    def close(self):
        self.listener.close()


def ask(connections, server, limit=1000):
    return connections.exchange(HostNode(), server.url, None, "GET", "/", b"", limit)


@pytest.mark.parametrize("answer", [LENGTH, CHUNKED])
def test_a_connection_is_used_again(answer):
    with closing(Server(answer)) as server, closing(Connections()) as connections:
        assert [ask(connections, server) for _ in range(5)] == [(200, b"ok")] * 5
        assert server.connections == 1


@pytest.mark.parametrize(
    "answer",
    [HEAD + b"Connection: close\r\nContent-Length: 2\r\n\r\nok", b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"],
)
def test_one_that_the_server_ends_is_not(answer):
    with closing(Server(answer)) as server, closing(Connections()) as connections:
        assert [ask(connections, server) for _ in range(2)] == [(200, b"ok")] * 2
        assert server.connections == 2


def test_the_end_of_the_connection_ends_a_body_without_a_length():
    with closing(Server(HEAD + b"\r\nok", per_connection=1)) as server, closing(Connections()) as connections:
        assert [ask(connections, server) for _ in range(2)] == [(200, b"ok")] * 2


def test_a_kept_one_that_has_ended_meanwhile_is_made_anew():
    with closing(Server(LENGTH, per_connection=1)) as server, closing(Connections()) as connections:
        assert [ask(connections, server) for _ in range(3)] == [(200, b"ok")] * 3
        assert server.connections == 3


def test_nobody_shares_one_at_the_same_time():
    with closing(Server(LENGTH)) as server, closing(Connections()) as connections:
        found, meeting = [], threading.Barrier(4)

        def work():
            meeting.wait()
            found.extend(ask(connections, server) for _ in range(20))

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [(200, b"ok")] * 80
        assert 1 <= server.connections <= 4


def test_a_long_body_is_cut_off_and_its_connection_given_up():
    long = HEAD + b"Content-Length: 5000\r\n\r\n" + b"x" * 5000
    with closing(Server(long)) as server, closing(Connections()) as connections:
        status, body = ask(connections, server, limit=100)
        assert (status, len(body) > 100) == (200, True)
        ask(connections, server)
        assert server.connections == 2


@pytest.mark.parametrize("answer", [b"220 mail.example\r\n\r\n", HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"])
def test_what_is_no_http_is_the_learners_matter(answer):
    with (
        closing(Server(answer)) as server,
        closing(Connections()) as connections,
        pytest.raises(NotServed, match="HTTP"),
    ):
        ask(connections, server)


@pytest.mark.parametrize("linger", [None, struct.pack("ii", 1, 0)], ids=["it closes", "it resets"])
def test_a_handshake_that_the_server_breaks_off_is_refused_by_tls_in_the_same_words(linger):
    with socket.create_server(("127.0.0.1", 0)) as listener, closing(Connections()) as connections:

        def hang_up():
            made, _ = listener.accept()
            made.recv(4096)
            if linger:
                made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            made.close()

        threading.Thread(target=hang_up, daemon=True).start()
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(ssl.SSLError) as refused:
            connections.exchange(HostNode(), url, context(b"", verify=False), "GET", "/", b"", 1000)
        assert tls_reason(refused.value) == "TLS: the server broke the handshake off"
