"""The one way to call a URL that a user gave: webhooks, identity providers, stores. It cannot be led to the inside (SSRF).

The name is resolved once and checked (tenants/outbound_rules.py), the connection goes to that very address with the right Host and
SNI, redirects are not followed, proxies of the environment are not asked, and time and bytes are bounded.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ssl import SSLContext
from typing import Any
from urllib.parse import quote, urlsplit

import httpcore

from tenants.outbound_rules import (
    OutboundError,
    OutboundRefusedError,
    Resolver,
    destination,
    host_name,
    system_resolver,
)
from tenants.outbound_sockets import Deadline, PinnedBackend, said, trusted_tls

# The longest address that servers commonly take.
_MAX_URL = 8_000
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e]{0,8000}")
# These say where a message goes and where it ends: they are ours to write.
_OWN_HEADERS = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "upgrade", "expect", "te", "trailer"}
)
_PORTS = {"https": 443, "http": 80}
# Stands in a path or query as it is; the rest is written as %xx.
_PLAIN = "/%:@!$&'()*+,;=~-._?"


@dataclass(frozen=True)
class Answer:
    """What came back: status, headers by lower-case name, and the body as far as it was read."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    # The body went on after the bytes that are read at most.
    is_cut: bool

    @property
    def is_ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def is_redirect(self) -> bool:
        return 300 <= self.status < 400

    def json(self) -> Any:
        """The body as JSON; OutboundError when it is none, or too long."""
        if self.is_cut:
            raise OutboundError(f"The answer is longer than {len(self.body)} bytes.")
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise OutboundError("The answer is not JSON.") from error


@dataclass(frozen=True)
class _Url:
    scheme: str
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


@dataclass(frozen=True)
class _Request:
    method: str
    url: _Url
    headers: list[tuple[bytes, bytes]]
    body: bytes | None

    @property
    def all_headers(self) -> list[tuple[bytes, bytes]]:
        own = {"host": self.url.authority, "connection": "close", "accept-encoding": "identity"}
        if self.body is not None or self.method in {"POST", "PUT", "PATCH"}:
            own["content-length"] = str(len(self.body or b""))
        if not any(name.lower() == b"user-agent" for name, _value in self.headers):
            own["user-agent"] = "Daggerboard"
        return [*((name.encode(), value.encode()) for name, value in own.items()), *self.headers]


@dataclass(frozen=True)
class Outbound:
    """A client. One request, one connection; seconds and bytes bound each request. Tests give a resolver and certificates of their own."""

    connect_seconds: float = 5.0
    read_seconds: float = 10.0
    # Everything together, from the look-up to the last byte.
    total_seconds: float = 20.0
    max_body: int = 64 * 1024
    resolver: Resolver = system_resolver
    tls: SSLContext = field(default_factory=trusted_tls)

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        allow_http: bool = False,
        return_redirect: bool = False,
    ) -> Answer:
        """Send one request and read the answer, whatever its status, up to `max_body` bytes.

        With `return_redirect` a redirect is an answer like others: whoever follows it makes a request of its own, which is checked
        like this one, and decides what of the headers the next host may see.

        Plain http is for hosts in DAGGERBOARD_OUTBOUND_ALLOWED_NETWORKS, unless the caller allows it. OutboundRefusedError when the
        request must not be made as it is, OutboundError when it failed; a redirect is a failure.
        """
        parts = parsed_url(url)
        sent = _checked_headers(headers or {})
        if method not in _METHODS:
            raise OutboundRefusedError(f"{method[:20]!r} is not a method that is sent from here.")
        deadline = Deadline.after(self.total_seconds)
        to = destination(parts.host, parts.port, resolver=self.resolver, seconds=self.total_seconds)
        if parts.scheme == "http" and not (allow_http or to.is_named):
            raise OutboundRefusedError("The address must begin with https://: nobody on the way may read or change it.")
        try:
            answer = self._exchange(_Request(method, parts, sent, body), PinnedBackend(to, deadline))
        except (OSError, httpcore.TimeoutException) as error:
            problem = error if isinstance(error, OSError) else TimeoutError()
            raise OutboundError(f"{parts.host} did not answer: {said(problem)}.") from error
        except (httpcore.NetworkError, httpcore.ProtocolError) as error:
            raise OutboundError(f"{parts.host} did not answer in HTTP: {str(error)[:200]}.") from error
        if answer.is_redirect and not return_redirect:
            raise OutboundError(
                f"It answered with a redirect ({answer.status}), which is not followed. Give the address that it leads to."
            )
        return answer

    def _exchange(self, request: "_Request", backend: PinnedBackend) -> Answer:
        url = request.url
        limits = {"connect": self.connect_seconds, "read": self.read_seconds, "write": self.read_seconds}
        with (
            httpcore.ConnectionPool(ssl_context=self.tls, network_backend=backend) as pool,
            pool.stream(
                request.method,
                httpcore.URL(
                    scheme=url.scheme.encode(), host=url.host.encode(), port=url.port, target=url.target.encode()
                ),
                headers=request.all_headers,
                content=request.body,
                extensions={"timeout": limits},
            ) as response,
        ):
            return self._answer(response)

    def _answer(self, response: httpcore.Response) -> Answer:
        body = bytearray()
        for piece in response.iter_stream():
            body += piece
            if len(body) > self.max_body:
                break
        headers = {name.decode("ascii").lower(): value.decode("latin-1") for name, value in response.headers}
        return Answer(
            status=response.status,
            headers=headers,
            body=bytes(body[: self.max_body]),
            is_cut=len(body) > self.max_body,
        )


def parsed_url(url: str) -> _Url:
    """An address in its parts, read once for all uses; OutboundRefusedError when it is not a plain http or https address."""
    if len(url) > _MAX_URL or any(character <= " " or character in '\x7f\\"<>' for character in url):
        raise OutboundRefusedError("The address is too long, or has a blank or a control character in it.", attr="url")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise OutboundRefusedError("This is not an address: it looks like https://example.com/path.") from error
    if parts.scheme not in _PORTS or not parts.hostname:
        raise OutboundRefusedError("The address must look like https://example.com/path.", attr="url")
    if "@" in parts.netloc:
        raise OutboundRefusedError("The address must not have a user name or password in it.", attr="url")
    if port == 0:
        raise OutboundRefusedError("There is no port 0.", attr="url")
    path, query = quote(parts.path or "/", safe=_PLAIN), quote(parts.query, safe=_PLAIN)
    target = f"{path}?{query}" if query else path
    return _Url(parts.scheme, host_name(parts.hostname), port or _PORTS[parts.scheme], target)


def _checked_headers(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or name.lower() in _OWN_HEADERS:
            raise OutboundRefusedError(f"{name[:100]!r} is not a header that can be set.", attr="headers")
        if not _HEADER_VALUE.fullmatch(value):
            raise OutboundRefusedError(f"The value of the header {name} has a character that headers cannot have.")
    return [(name.encode(), value.encode()) for name, value in headers.items()]
