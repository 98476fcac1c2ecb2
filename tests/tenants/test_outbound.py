"""Calls to addresses that users gave cannot reach inside (promise S8): every trap of addresses, names, redirects, time and size."""

import threading
from ipaddress import ip_address, ip_network

import pytest
from django.test import override_settings
from pytest_socket import SocketConnectBlockedError

from tenants.outbound import Outbound, parsed_url
from tenants.outbound_rules import OutboundError, OutboundRefusedError, destination, is_public
from tests.tenants.outbound_servers import OK, Answers, listening, local

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
    released, answered = threading.Event(), threading.Event()

    def silent(_host, _port):
        released.wait(60)
        answered.set()
        return []

    with pytest.raises(OutboundError, match="could not be looked up"):
        Outbound(resolver=silent, total_seconds=0.2).request("GET", "https://slow.example/")

    assert not answered.is_set()
    released.set()


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
