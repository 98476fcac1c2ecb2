"""What to do about a failed request: one function says fatal, one says retryable, one waits. No request is made here."""

from __future__ import annotations

import asyncio
import random
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar

import httpx

from agent import log
from agent.disk import is_full

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")

# Seconds. Long enough to spare a control plane that is coming back, short enough that a run's events are not stale.
FIRST_WAIT = 0.25
LONGEST_WAIT = 10.0
# Nobody may put an agent to sleep for longer than this with Retry-After.
LONGEST_RETRY_AFTER = 300.0

# The code that stands for a 401 to a request that carried a credential: with the token the agent may well get another one.
CREDENTIAL_REFUSED = "credential_refused"
# The code of the answer to a token that is good for registering alone, where it was used for something else.
BOOTSTRAP_ONLY = "bootstrap_only"
# The code of the answer to an agent whose name another process has registered since.
SUPERSEDED = "superseded"

_FATAL = frozenset(
    {
        HTTPStatus.UNAUTHORIZED,  # the token is unknown or revoked
        HTTPStatus.UPGRADE_REQUIRED,  # this agent is too old
    }
)
# The control plane understood and says no: asking again changes nothing.
_REFUSED = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.CONFLICT,
        HTTPStatus.GONE,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.NOT_IMPLEMENTED,
    }
)


class ControlPlaneError(Exception):
    """The control plane answered with an error status."""

    def __init__(self, status: int, code: str, detail: str, retry_after: float | None = None) -> None:
        super().__init__(f"{detail} (HTTP {status}, {code})")
        self.status = status
        self.code = code
        self.detail = detail
        self.retry_after = retry_after


class UndecodableAnswerError(Exception):
    """The answer was not what the protocol says: perhaps a proxy spoke instead of the control plane."""


def is_fatal(error: BaseException) -> bool:
    """Say whether no request of this agent can succeed until a person changes something."""
    if not isinstance(error, ControlPlaneError) or error.code == CREDENTIAL_REFUSED:
        return False
    return error.status in _FATAL or error.code == SUPERSEDED


def needs_registering(error: BaseException) -> bool:
    """Say whether the control plane does not know this process any more: it forgot the agent, or its credential is dead."""
    if not isinstance(error, ControlPlaneError):
        return False
    return error.status == HTTPStatus.NOT_FOUND or error.code == CREDENTIAL_REFUSED


def is_retryable(error: BaseException) -> bool:
    """Say whether the same request may succeed later. Fatal errors are: a person may have put a new token in place."""
    if isinstance(error, ControlPlaneError):
        return error.status not in _REFUSED
    # A full disk is not the control plane's fault, but it passes in the same way.
    return isinstance(error, httpx.TransportError | UndecodableAnswerError) or is_full(error)


class Backoff:
    """Waits with full jitter, doubling, never less than Retry-After asks for."""

    def __init__(self, *, first: float = FIRST_WAIT, longest: float = LONGEST_WAIT) -> None:
        self._first = first
        self._longest = longest
        self.failures = 0

    def succeeded(self) -> None:
        self.failures = 0

    def next_wait(self, error: BaseException) -> float:
        ceiling = min(self._longest, self._first * 2 ** min(self.failures, 16))
        self.failures += 1
        wait = random.uniform(0, ceiling)  # noqa: S311 - jitter, not secrecy
        asked = getattr(error, "retry_after", None)
        return wait if asked is None else min(asked, LONGEST_RETRY_AFTER) + wait

    async def failed(self, error: BaseException, *, doing: str) -> None:
        """Log the first failure of a row and every tenth, then wait."""
        wait = self.next_wait(error)
        if self.failures % 10 == 1:
            log.warning("request.failed", doing=doing, error=describe(error), failures=self.failures, wait=wait)
        await asyncio.sleep(wait)


async def until_answered(request: Callable[[], Awaitable[T]], *, doing: str) -> T:
    """Repeat a request until it succeeds or is refused."""
    backoff = Backoff()
    while True:
        try:
            return await request()
        except Exception as error:
            if not is_retryable(error):
                raise
            await backoff.failed(error, doing=doing)


def describe(error: BaseException) -> str:
    return str(error) or type(error).__name__
