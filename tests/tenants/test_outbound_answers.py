"""What servers answer cannot hurt the caller (promise S8): redirects, endless and slow answers, what is not HTTP, certificates."""

import gzip
import time
from ipaddress import ip_network

import pytest
from django.test import override_settings

from controlplane.embedded.ports import free_port
from tenants.outbound import Outbound
from tenants.outbound_rules import OutboundError
from tests.tenants.certificates import certified
from tests.tenants.outbound_servers import OK, Answers, listening, local, says

LOCAL = override_settings(OUTBOUND_ALLOWED_NETWORKS=[ip_network("127.0.0.0/8")])


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@LOCAL
def test_redirect_is_not_followed(status):
    with listening(OK) as inside:
        redirect = says(f"HTTP/1.1 {status} Moved\r\nLocation: {local(inside)}\r\nContent-Length: 0\r\n\r\n".encode())
        with listening(redirect) as server, pytest.raises(OutboundError, match="redirect"):
            Outbound().request("GET", local(server))

    assert inside.requests == []


@LOCAL
def test_proxy_of_the_environment_is_not_asked(monkeypatch):
    with listening(OK) as proxy, listening(OK) as server:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, local(proxy))
        Outbound().request("GET", local(server))

    assert (len(server.requests), proxy.requests) == (1, [])


def until_closed(piece, pause=0.0):
    def serve(connection):
        while True:
            connection.sendall(piece)
            time.sleep(pause)

    return serve


def after(head, then):
    def serve(connection):
        connection.sendall(head)
        then(connection)

    return serve


@LOCAL
def test_endless_body_is_read_up_to_the_cap():
    endless = after(b"HTTP/1.1 200 OK\r\n\r\n", until_closed(b"x" * 65536))
    with listening(endless) as server:
        answer = Outbound().request("GET", local(server))

    assert (len(answer.body), answer.is_cut) == (65536, True)
    with pytest.raises(OutboundError, match="longer than 65536"):
        answer.json()


@LOCAL
def test_cap_can_be_set():
    with listening(says(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789")) as server:
        cut, whole = (Outbound(max_body=size).request("GET", local(server)) for size in (9, 10))

    assert ((cut.body, cut.is_cut), (whole.body, whole.is_cut)) == ((b"012345678", True), (b"0123456789", False))


@LOCAL
def test_packed_body_is_not_unpacked():
    packed = gzip.compress(b"0" * 50_000_000)
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n".encode()
    with listening(says(head + packed)) as server:
        answer = Outbound(max_body=100_000).request("GET", local(server))

    assert answer.body == packed


SLOW = {
    "body": after(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", until_closed(b"x", 0.05)),
    "chunks": after(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", until_closed(b"1\r\nx\r\n", 0.05)),
    "head": after(b"HTTP/1.1 200 OK\r\nX: ", until_closed(b"x", 0.05)),
    "early answers": until_closed(b"HTTP/1.1 100 Continue\r\n\r\n", 0.05),
    "silence": lambda connection: connection.recv(1),
}


@pytest.mark.parametrize("serve", SLOW.values(), ids=SLOW)
@LOCAL
def test_drip_ends_at_the_deadline(serve):
    started = time.monotonic()
    with listening(serve) as server:
        with pytest.raises(OutboundError, match="too long"):
            Outbound(total_seconds=0.5, read_seconds=60).request("GET", local(server))
        took = time.monotonic() - started

    assert 0.4 < took < 30


@LOCAL
def test_silence_ends_at_the_read_limit():
    started = time.monotonic()
    with listening(lambda connection: connection.recv(1)) as server:
        with pytest.raises(OutboundError, match="too long"):
            Outbound(read_seconds=0.3, total_seconds=60).request("GET", local(server))
        took = time.monotonic() - started

    assert took < 30


@pytest.mark.parametrize(
    "said", [b"SSH-2.0-x\r\n", b"", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 30_000]
)
@LOCAL
def test_answer_that_is_not_http_is_a_clear_failure(said):
    with listening(says(said)) as server, pytest.raises(OutboundError, match=r"127\.0\.0\.1 did not answer"):
        Outbound().request("GET", local(server))


@LOCAL
def test_closed_port_says_so():
    with pytest.raises(OutboundError, match="does not accept connections: connection refused"):
        Outbound().request("GET", f"http://127.0.0.1:{free_port()}/")


@LOCAL
def test_json_that_is_none_says_so():
    with listening(OK) as server, pytest.raises(OutboundError, match="not JSON"):
        Outbound().request("GET", local(server)).json()


# ---- TLS


def test_certificate_must_be_trusted_and_for_the_name(tmp_path):
    server_tls, client_tls = certified("hook.example", tmp_path)

    def serve(connection):
        with server_tls.wrap_socket(connection, server_side=True) as secured:
            secured.recv(4096)
            secured.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    with LOCAL, listening(serve, reads_head=False) as server:
        to, port = Answers(["127.0.0.1"]), server.port
        good = Outbound(resolver=to, tls=client_tls).request("GET", f"https://hook.example:{port}/")
        with pytest.raises(OutboundError, match="certificate is not trusted"):
            Outbound(resolver=to, tls=client_tls).request("GET", f"https://other.example:{port}/")
        with pytest.raises(OutboundError, match="certificate is not trusted"):
            Outbound(resolver=to).request("GET", f"https://hook.example:{port}/")

    assert good.body == b"ok"
    assert server_tls.names == ["hook.example", "other.example", "hook.example"]
