"""The HTTP that Git hosts have in common: JSON, pages, rate limits and what their refusals mean, through tenants.outbound."""

import hashlib
import json
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from controlplane.delivery.hosts.base import HostGoneError, HostRefusedError, HostUnavailableError
from tenants.errors import TooLargeError
from tenants.outbound import Answer, Outbound
from tenants.outbound_rules import OutboundError, OutboundRefusedError

# The largest page that hosts send: a hundred pull requests of GitHub are 2.5 MB, a tree of 100,000 files is 7 MB.
_MAX_JSON_BYTES = 16 * 1024**2
PER_PAGE = 100
# A hundred thousand rows: nothing that is listed here is longer, and a host that never ends its list must not hold us.
_MAX_PAGES = 1000
_MAX_REDIRECTS = 3
# An archive comes at the pace of the host's disk.
_ARCHIVE_SECONDS = 180.0
# What hosts ask for when they name no time, and the longest that is believed.
_DEFAULT_WAIT, _MAX_WAIT = 60.0, 3600.0
_GONE = frozenset({404, 410})

Headers = Callable[[], Mapping[str, str]]


class _Etags:
    """Bodies that a host may say are still right (304), which costs no rate. Small ones, the latest, of this process."""

    _LARGEST, _MOST = 64 * 1024, 500

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[str, Answer]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str) -> tuple[str, Answer] | None:
        with self._lock:
            return self._known.get(key)

    def keep(self, key: str, answer: Answer) -> None:
        etag = answer.headers.get("etag", "")
        if not etag or len(answer.body) > self._LARGEST:
            return
        with self._lock:
            self._known[key] = (etag, answer)
            self._known.move_to_end(key)
            while len(self._known) > self._MOST:
                self._known.popitem(last=False)


_etags = _Etags()


def default_outbound() -> Outbound:
    """Bounds of a call to a host."""
    return Outbound(read_seconds=20.0, total_seconds=30.0, max_body=_MAX_JSON_BYTES)


@dataclass(frozen=True)
class HostApi:
    """The REST API of one host, with one credential. `name` is the host's, for messages; `headers` carry the credential."""

    name: str
    url: str
    headers: Headers
    outbound: Outbound = field(default_factory=default_outbound)

    def get(self, path: str, **query: str | int) -> Any:
        """The JSON at a path; asked conditionally when it was read before."""
        return _json(self._get(self._address(path, query)))

    def send(self, method: str, path: str, body: Mapping[str, Any]) -> Any:
        """POST, PUT or PATCH an object; the JSON of the answer, or None when it has none."""
        answer = self._request(
            method, self._address(path, {}), {"Content-Type": "application/json"}, json.dumps(body).encode()
        )
        self._check(answer)
        return _json(answer) if answer.body else None

    def pages(self, path: str, key: str = "", **query: str | int) -> Iterator[Any]:
        """The rows of a list, page by page; `key` names the list inside an object."""
        for page in range(1, _MAX_PAGES + 1):
            found = self.get(path, **query, per_page=PER_PAGE, page=page)
            rows = found[key] if key else found
            yield from rows
            if len(rows) < PER_PAGE:
                return
        raise HostUnavailableError(f"{self.name} lists more than {_MAX_PAGES * PER_PAGE} rows at {path}.")

    def download(self, path: str, max_bytes: int, **query: str) -> bytes:
        """The bytes at a path. Another host that it leads to is asked without the credential."""
        address, headers = self._address(path, query), dict(self.headers())
        client = replace(self.outbound, max_body=max_bytes, total_seconds=_ARCHIVE_SECONDS)
        for _hop in range(_MAX_REDIRECTS + 1):
            answer = self._exchange(client, "GET", address, headers)
            location = answer.headers.get("location", "")
            if not (answer.is_redirect and location):
                break
            # SECURITY: the credential is the API's alone.
            headers = headers if _authority(location) == _authority(address) else {}
            address = location
        self._check(answer)
        if answer.is_cut:
            raise TooLargeError(
                f"The archive of the repository is larger than {max_bytes} bytes, which is the most that is fetched."
            )
        return answer.body

    def _address(self, path: str, query: Mapping[str, str | int]) -> str:
        return f"{self.url}{path}" + (f"?{urlencode(query)}" if query else "")

    def _get(self, address: str) -> Answer:
        headers = self.headers()
        # SECURITY: what one credential was shown is never shown to another.
        key = hashlib.sha256("\n".join([address, *sorted(headers.values())]).encode()).hexdigest()
        known = _etags.get(key)
        answer = self._request("GET", address, {"If-None-Match": known[0]} if known else {})
        if known and answer.status == 304:
            return known[1]
        self._check(answer)
        _etags.keep(key, answer)
        return answer

    def _request(self, method: str, address: str, headers: Mapping[str, str], body: bytes | None = None) -> Answer:
        return self._exchange(self.outbound, method, address, {**self.headers(), **headers}, body)

    def _exchange(
        self, client: Outbound, method: str, address: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> Answer:
        try:
            return client.request(method, address, headers=headers, body=body, return_redirect=True)
        except OutboundRefusedError as error:
            raise HostRefusedError(f"{self.name} is not called: {error.message}") from error
        except OutboundError as error:
            raise HostUnavailableError(error.message) from error

    def _check(self, answer: Answer) -> None:
        """Raise what the status means."""
        if answer.is_ok:
            return
        said = said_by(answer)
        wait = _asked_to_wait(answer, said)
        if wait is not None:
            raise HostUnavailableError(
                f"{self.name} asks us to slow down; we go on in {wait:.0f} s. It says: {said}", retry_after=wait
            )
        if answer.status >= 500 or answer.is_redirect:
            raise HostUnavailableError(f"{self.name} answered with status {answer.status}. It says: {said}")
        if answer.status in _GONE:
            raise HostGoneError(f"{self.name} has no such thing, or not for us. It says: {said}")
        raise HostRefusedError(f"{self.name} refuses ({answer.status}). It says: {said}", host_status=answer.status)


def path_part(text: str) -> str:
    """One part of a path, whatever characters it has."""
    return quote(text, safe="")


def said_by(answer: Answer) -> str:
    """The host's own words about an answer, shortened."""
    try:
        document = json.loads(answer.body)
    except ValueError:
        return "nothing that can be read."
    found = document.get("message") or document.get("error") if isinstance(document, dict) else None
    details = document.get("errors") if isinstance(document, dict) else None
    return " ".join(str(part) for part in (found, details) if part)[:300] or "nothing."


def _json(answer: Answer) -> Any:
    try:
        return answer.json()
    except OutboundError as error:
        raise HostUnavailableError(f"The Git host answered something else than expected. {error.message}") from error


def _asked_to_wait(answer: Answer, said: str) -> float | None:
    """Seconds that a rate-limited caller is asked to wait; None when this is no rate limit."""
    headers = answer.headers
    exhausted = headers.get("x-ratelimit-remaining") == "0" or headers.get("ratelimit-remaining") == "0"
    # A 403 of GitHub is a rate limit when it says so in one of these ways; a plain one is a refusal.
    is_limit = answer.status == 429 or (
        answer.status == 403 and (exhausted or "retry-after" in headers or "rate limit" in said.lower())
    )
    after = _number(headers.get("retry-after"))
    if not is_limit:
        return min(after, _MAX_WAIT) if answer.status == 503 and after is not None else None
    if after is None and exhausted:
        reset = _number(headers.get("x-ratelimit-reset") or headers.get("ratelimit-reset"))
        after = None if reset is None else reset - time.time()
    return min(max(_DEFAULT_WAIT if after is None else after, 1.0), _MAX_WAIT)


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None


def _authority(address: str) -> tuple[str, str]:
    parts = urlsplit(address)
    return parts.scheme, parts.netloc
