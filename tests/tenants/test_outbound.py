"""Calls to addresses that users gave cannot reach inside (promise S8): every trap of addresses, names, redirects, time and size."""

import gzip
import threading
import time
from ipaddress import ip_address, ip_network

import pytest
from django.test import override_settings
from pytest_socket import SocketConnectBlockedError

from tenants.outbound import Outbound, parsed_url
from tenants.outbound_rules import OutboundError, OutboundRefusedError, destination, is_public
from tests.tenants.certificates import certified
from tests.tenants.outbound_servers import OK, Answers, listening, says

LOCAL = override_settings(OUTBOUND_ALLOWED_NETWORKS=[ip_network("127.0.0.0/8"), ip_network("::1/128")])
INSIDE = [
    "0.0.0.0",
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "192.0.0.8",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
]
ODD_SPELLINGS_OF_LOOPBACK = [
    "127.0.0.1",
    "2130706433",
    "0x7f.1",
    "0x7f000001",
    "017700000001",
    "0177.0.0.1",
    "127.1",
    "127.0.1",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[0:0:0:0:0:ffff:7f00:1]",
    "localhost",
    "LOCALHOST",
    "\uff11\uff12\uff17.0.0.1",
    "\u2460\u2461\u2466.0.0.1",
]


def local(server, path="/"):
    return f"http://127.0.0.1:{server.port}{path}"


# ---- addresses


@pytest.mark.parametrize("address", INSIDE)
def test_address_inside_is_refused_before_connecting(address):
    with pytest.raises(OutboundRefusedError, match="private, local or reserved"):
        Outbound(resolver=Answers([address])).request("GET", "https://hook.example/")


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.215.14", "2606:4700:4700::1111", "::ffff:1.1.1.1"])
def test_address_of_the_internet_is_public(address):
    assert is_public(ip_address(address))


def test_every_address_of_a_name_must_be_allowed():
    with pytest.raises(OutboundRefusedError):
        destination("hook.example", 443, resolver=Answers(["93.184.215.14", "10.0.0.1"]))


@pytest.mark.parametrize("host", ODD_SPELLINGS_OF_LOOPBACK)
def test_odd_spelling_of_loopback_reaches_no_server(host):
    with listening(OK) as server, pytest.raises(OutboundRefusedError):
        Outbound().request("GET", f"http://{host}:{server.port}/", allow_http=True)

    assert server.requests == []


def test_refusal_does_not_tell_the_address():
    with pytest.raises(OutboundRefusedError) as refusal:
        Outbound(resolver=Answers(["10.12.13.14"])).request("GET", "https://wiki.corp/")

    assert "10.12" not in refusal.value.message


def test_named_network_is_reached_and_its_neighbour_is_not():
    with override_settings(OUTBOUND_ALLOWED_NETWORKS=[ip_network("10.1.0.0/16")]):
        assert destination("a.example", 443, resolver=Answers(["10.1.2.3"])).is_named
        with pytest.raises(OutboundRefusedError):
            destination("b.example", 443, resolver=Answers(["10.2.0.1"]))


# ---- names


@LOCAL
def test_name_is_looked_up_once_and_its_answer_is_connected_to():
    resolver = Answers(["127.0.0.1"], ["10.0.0.1"])
    with listening(OK) as server:
        answer = Outbound(resolver=resolver).request("POST", f"http://hook.example:{server.port}/in?a=b+c", body=b"x")

    assert (answer.status, answer.body, resolver.asked) == (200, b"ok", ["hook.example"])
    assert server.requests[0].startswith(b"POST /in?a=b+c HTTP/1.1\r\n")
    assert f"host: hook.example:{server.port}\r\n".encode() in server.requests[0].lower()


@pytest.mark.filterwarnings("ignore:A test tried to use socket")
def test_name_that_moves_inside_after_the_check_is_not_followed():
    resolver = Answers(["240.0.0.1"], ["127.0.0.1"])
    named = override_settings(OUTBOUND_ALLOWED_NETWORKS=[ip_network("240.0.0.1/32")])
    # The checked address is the one that it tries to connect to; the test session lets nobody leave this machine.
    with listening(OK) as server, named, pytest.raises(SocketConnectBlockedError, match=r'host "240\.0\.0\.1"'):
        Outbound(resolver=resolver).request("GET", f"http://hook.example:{server.port}/")

    assert (server.requests, resolver.asked) == ([], ["hook.example"])


@LOCAL
def test_second_address_is_tried_when_the_first_is_silent():
    with listening(OK, host="127.0.0.1") as server:
        to = Answers(["::1", "127.0.0.1"])

        assert Outbound(resolver=to).request("GET", f"http://hook.example:{server.port}/").is_ok


def test_unknown_name_says_so():
    def unknown(host, port):
        raise OSError("no such host")

    with pytest.raises(OutboundError, match=r"nowhere\.example could not be found"):
        Outbound(resolver=unknown).request("GET", "https://nowhere.example/")


def test_name_server_that_is_silent_does_not_hold_the_caller():
    released = threading.Event()
    started = time.monotonic()
    with pytest.raises(OutboundError, match="could not be looked up"):
        Outbound(resolver=lambda *_: released.wait(20) or [], total_seconds=0.2).request("GET", "https://slow.example/")

    released.set()
    assert time.monotonic() - started < 5


# ---- the address as text


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://example.com/",
        "//example.com/",
        "https://",
        "https:///path",
        "example.com",
        "https://user:password@example.com/",
        "https://example.com@127.0.0.1/",
        "https://example.com:0/",
        "https://example.com:99999/",
        "https://example.com:x/",
        "https://exam ple.com/",
        "https://example.com/\r\nHost: inside",
        "https://example.com\\@127.0.0.1/",
        "https://example.com/\x00",
        "https://[::1/",
        "https://[fe80::1%25eth0]/",
        "https://exa$mple.com/",
        "https://" + "a" * 300 + ".example/",
        "https://example.com/" + "a" * 9000,
    ],
)
def test_address_that_is_none_is_refused(url):
    with pytest.raises(OutboundRefusedError):
        Outbound(resolver=Answers(["1.1.1.1"])).request("GET", url)


def test_other_letters_are_sent_in_their_plain_form():
    parts = parsed_url("https://bücher.example/straße?q=ü&x=%20")

    assert (parts.host, parts.target) == ("xn--bcher-kva.example", "/stra%C3%9Fe?q=%C3%BC&x=%20")


def test_plain_http_is_refused_unless_the_network_is_named():
    with pytest.raises(OutboundRefusedError, match="https://"):
        Outbound(resolver=Answers(["1.1.1.1"])).request("GET", "http://hook.example/")


# ---- headers


@pytest.mark.parametrize(
    "headers",
    [
        {"X-A": "1\r\nX-B: 2"},
        {"X-A": "1\n"},
        {"X-A": "\x00"},
        {"X-A\r\nX-B": "1"},
        {"X A": "1"},
        {"": "1"},
        {"Host": "inside"},
        {"content-length": "0"},
        {"Transfer-Encoding": "chunked"},
        {"Connection": "upgrade"},
        {"X-A": "naïve"},
    ],
)
@LOCAL
def test_header_that_could_break_out_is_refused(headers):
    with listening(OK) as server, pytest.raises(OutboundRefusedError):
        Outbound().request("GET", local(server), headers=headers)

    assert server.requests == []


@LOCAL
def test_method_must_be_known():
    with listening(OK) as server, pytest.raises(OutboundRefusedError):
        Outbound().request("GET / HTTP/1.1\r\nX: y\r\n\r\n", local(server))

    assert server.requests == []


# ---- what servers do


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
            Outbound(total_seconds=0.5).request("GET", local(server))
        took = time.monotonic() - started

    assert 0.4 < took < 3


@LOCAL
def test_silence_ends_at_the_read_limit():
    started = time.monotonic()
    with listening(lambda connection: connection.recv(1)) as server:
        with pytest.raises(OutboundError, match="too long"):
            Outbound(read_seconds=0.3).request("GET", local(server))
        took = time.monotonic() - started

    assert took < 3


@pytest.mark.parametrize(
    "said", [b"SSH-2.0-x\r\n", b"", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 30_000]
)
@LOCAL
def test_answer_that_is_not_http_is_a_clear_failure(said):
    with listening(says(said)) as server, pytest.raises(OutboundError, match=r"127\.0\.0\.1 did not answer"):
        Outbound().request("GET", local(server))


@LOCAL
def test_closed_port_says_so():
    with listening(OK) as server:
        pass
    with pytest.raises(OutboundError, match="does not accept connections: connection refused"):
        Outbound().request("GET", local(server))


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
