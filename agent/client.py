"""One method per endpoint of the control plane. No policy: what to do about an error is decided by the caller.

Registering proves who we are with the token; everything else with the credential that registering answered.
"""

from __future__ import annotations

import asyncio
import gzip
from typing import TYPE_CHECKING, Any, TypeVar

import httpx
import msgspec

from agent.protocol import (
    PROTOCOL_VERSION,
    AttemptRef,
    DefinitionsHave,
    DefinitionsMissing,
    EnvironmentAsk,
    EventsStored,
    Goodbye,
    Heartbeat,
    Leases,
    LocationEnvironment,
    LocationReport,
    LogBatch,
    LogsStored,
    Message,
    Poll,
    Read,
    Register,
    Registered,
    Work,
)
from agent.retry import CREDENTIAL_REFUSED, ControlPlaneError, UndecodableAnswerError
from agent.version import agent_version

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Callable

T = TypeVar("T")

CONNECT_TIMEOUT = 10.0
ANSWER_TIMEOUT = 30.0
# On top of the server's own wait, for slow networks.
POLL_SLACK = 15.0
# Below this a gzip header costs more than it saves.
COMPRESS_FROM = 1024
# Above this compression takes milliseconds, which belong into a thread.
COMPRESS_IN_THREAD_FROM = 128 * 1024


class RawAnswer(Message, frozen=True):
    """A ReadAnswer whose result is passed on to the child untouched."""

    result: msgspec.Raw = msgspec.Raw(b"null")


class Client:
    """The control plane, as seen from an agent."""

    def __init__(self, *, url: str, token: Callable[[], str], proxy: str | None, tls: ssl.SSLContext | bool) -> None:
        self._token = token
        self._credential: str | None = None
        self._http = httpx.AsyncClient(
            base_url=url.rstrip("/") + "/agent/v1/",
            proxy=proxy,
            verify=tls,
            trust_env=False,
            headers={"Daggerboard-Protocol": PROTOCOL_VERSION, "User-Agent": f"daggerboard-agent/{agent_version()}"},
            timeout=httpx.Timeout(ANSWER_TIMEOUT, connect=CONNECT_TIMEOUT),
            limits=httpx.Limits(max_connections=64, max_keepalive_connections=16, keepalive_expiry=30),
        )

    async def close(self) -> None:
        await self._http.aclose()

    def use_credential(self, credential: str | None) -> None:
        """From now on prove with this credential who we are; with the token when there is none."""
        self._credential = credential

    async def register(self, message: Register) -> Registered:
        body = msgspec.json.encode(message)
        return _decoded(await self._send("POST", "register", body, with_token=True), Registered)

    async def poll(self, message: Poll, *, wait: float) -> Work:
        return await self._post("poll", message, Work, timeout=wait + POLL_SLACK)

    async def heartbeat(self, message: Heartbeat, *, timeout: float) -> Leases:  # noqa: ASYNC109 - one request's own limit
        return await self._post("heartbeat", message, Leases, timeout=timeout)

    async def events(self, body: bytes) -> EventsStored:
        """Send an EventBatch that is already encoded: the events in it are bytes from the spool."""
        return _decoded(await self._send("POST", "events", body), EventsStored)

    async def logs(self, message: LogBatch) -> LogsStored:
        body = msgspec.msgpack.encode(message)
        return _decoded(await self._send("POST", "logs", body, content_type="application/msgpack"), LogsStored)

    async def result(self, body: bytes) -> None:
        """Send a CommandResult that is already encoded."""
        await self._send("POST", "results", body)

    async def results(self, body: bytes) -> None:
        """Send CommandResults that are already encoded."""
        await self._send("POST", "results/many", body)

    async def definitions_missing(self, message: DefinitionsHave) -> DefinitionsMissing:
        return await self._post("definitions/missing", message, DefinitionsMissing)

    async def upload_definitions(self, sha256: str, gzipped: bytes) -> None:
        await self._send("PUT", f"definitions/{sha256}", gzipped, content_type="application/gzip", compress=False)

    async def report_location(self, message: LocationReport) -> None:
        await self._send("POST", "locations", msgspec.json.encode(message))

    async def environment(self, message: EnvironmentAsk) -> LocationEnvironment:
        return await self._post("environment", message, LocationEnvironment)

    async def read(
        self, agent_id: str, method: str, args: Any, *, run: AttemptRef | None, version_id: str | None
    ) -> bytes:
        """Answer the result as JSON bytes."""
        message = Read(agent_id=agent_id, method=method, args=args, run=run, version_id=version_id)
        return bytes((await self._post("read", message, RawAnswer)).result)

    async def source(self, sha256: str) -> AsyncIterator[bytes]:
        """Answer a source archive, piece by piece."""
        credential = self._credential
        headers = {"Authorization": f"Bearer {credential or self._token()}"}
        # The bytes are what counts: nobody on the way may decode them.
        async with self._http.stream("GET", f"sources/{sha256}", headers=headers) as response:
            if not response.is_success:
                await response.aread()
                raise _error(response, refused_credential=credential is not None)
            async for chunk in response.aiter_raw():
                yield chunk

    async def goodbye(self, message: Goodbye) -> None:
        await self._send("POST", "goodbye", msgspec.json.encode(message))

    async def _post(self, path: str, message: Message, answer: type[T], *, timeout: float | None = None) -> T:  # noqa: ASYNC109
        return _decoded(await self._send("POST", path, msgspec.json.encode(message), timeout=timeout), answer)

    async def _send(
        self,
        method: str,
        path: str,
        body: bytes,
        *,
        content_type: str = "application/json",
        compress: bool = True,
        timeout: float | None = None,  # noqa: ASYNC109 - one request's own limit
        with_token: bool = False,
    ) -> httpx.Response:
        credential = None if with_token else self._credential
        headers = {"Authorization": f"Bearer {credential or self._token()}", "Content-Type": content_type}
        if compress and len(body) >= COMPRESS_FROM:
            headers["Content-Encoding"] = "gzip"
            body = await _compressed(body)
        limit = httpx.USE_CLIENT_DEFAULT if timeout is None else httpx.Timeout(timeout, connect=CONNECT_TIMEOUT)
        response = await self._http.request(method, path, content=body, headers=headers, timeout=limit)
        if not response.is_success:
            raise _error(response, refused_credential=credential is not None)
        return response


async def _compressed(body: bytes) -> bytes:
    if len(body) < COMPRESS_IN_THREAD_FROM:
        return gzip.compress(body, compresslevel=1)
    return await asyncio.to_thread(gzip.compress, body, compresslevel=1)


def _decoded(response: httpx.Response, answer: type[T]) -> T:
    try:
        return msgspec.json.decode(response.content, type=answer)
    except msgspec.MsgspecError as error:
        kind = response.headers.get("content-type", "no content type")
        message = (
            f"{response.request.url.path} was answered with something else than the protocol says ({kind}): {error}"
        )
        raise UndecodableAnswerError(message) from error


def _error(response: httpx.Response, *, refused_credential: bool) -> ControlPlaneError:
    code, detail = "unknown", response.reason_phrase
    try:
        first = response.json()["errors"][0]
        code, detail = str(first["code"]), str(first["detail"])
    except (ValueError, LookupError, TypeError):
        pass  # a proxy's page: the status is all we know
    if refused_credential and response.status_code == httpx.codes.UNAUTHORIZED:
        code = CREDENTIAL_REFUSED
    return ControlPlaneError(response.status_code, code, detail, _retry_after(response))


def _retry_after(response: httpx.Response) -> float | None:
    try:
        return max(0.0, float(response.headers["retry-after"]))
    except (KeyError, ValueError):
        return None
