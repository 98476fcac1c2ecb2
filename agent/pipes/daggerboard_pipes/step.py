"""The side of the step: opens a session through the agent, hands address and token over, and reads what the process elsewhere says.

Needs dagster. `open_http_pipes_session` is all that most steps use; the parts are for dagster's own Pipes clients, which take a message
reader and a context injector.
"""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dagster import AssetExecutionContext, DagsterInstance, OpExecutionContext, PipesContextInjector, PipesMessageReader
from dagster import open_pipes_session as open_session
from dagster._core.pipes.context import PipesMessageHandler, PipesSession
from dagster_pipes import PipesContextData, PipesParams

from daggerboard_pipes.message_writer import INCLUDE_STDIO_KEY

Context = OpExecutionContext | AssetExecutionContext
# Between two looks: soon after something came, and at most.
_SOON_SECONDS, _LATE_SECONDS = 0.2, 2.0


class NotOnDaggerboardError(RuntimeError):
    """No Daggerboard agent executes the run, and through one alone a session can be opened. Elsewhere, use another of dagster's
    message readers, such as PipesTempFileMessageReader.
    """


class _Session:
    """One session: what the agent answers for this step."""

    def __init__(self, instance: DagsterInstance, context: PipesContextData | None = None) -> None:
        self._read = getattr(instance.event_log_storage, "read", None)
        if self._read is None:
            raise NotOnDaggerboardError(NotOnDaggerboardError.__doc__)
        opened = self._read("pipes_open", context=context)
        self._id: str = opened["session_id"]
        self._opened = opened

    def params(self, url: str | None) -> dict[str, Any]:
        """What the process elsewhere is given; `url` stands for the control plane's address, as that process sees it."""
        address = f"{url.rstrip('/')}/pipes/v1/sessions/{self._id}" if url else self._opened["url"]
        return {"url": address, "token": self._opened["token"]}

    def read(self, after: int) -> list[tuple[int, Any]]:
        """Messages behind a number; those up to it are forgotten."""
        return [
            (number, body) for number, body in self._read("pipes_read", session_id=self._id, after=after)["messages"]
        ]

    def close(self) -> None:
        """The token is good for nothing more."""
        self._read("pipes_close", session_id=self._id)


class PipesHttpContextInjector(PipesContextInjector):
    """Puts the context into a session, for processes that can be given no large environment. `url`: as in the message reader."""

    def __init__(self, context: Context, *, url: str | None = None) -> None:
        self._instance, self._url = context.instance, url

    @contextmanager
    def inject_context(self, context: PipesContextData) -> Iterator[PipesParams]:
        session = _Session(self._instance, context)
        try:
            yield session.params(self._url)
        finally:
            session.close()

    def no_messages_debug_text(self) -> str:
        return "Attempted to inject context through Daggerboard. Use PipesHttpContextLoader in the process elsewhere."


class PipesHttpMessageReader(PipesMessageReader):
    """Reads the messages of a process that writes with PipesHttpMessageWriter.

    `url`: the control plane's address as that process reaches it, where it differs from its public one. `include_stdio_in_messages`: what
    the process prints comes along. `closing_seconds`: how long, once the step's body has ended, messages are waited for while none comes
    and the process has not said that it closed.
    """

    def __init__(
        self, *, url: str | None = None, include_stdio_in_messages: bool = False, closing_seconds: float = 30.0
    ) -> None:
        self._url = url
        self._include_stdio = include_stdio_in_messages
        self._closing_seconds = closing_seconds

    @contextmanager
    def read_messages(self, handler: PipesMessageHandler) -> Iterator[PipesParams]:
        session = _Session(handler._context.instance)  # noqa: SLF001 - a reader is handed nothing else to reach the instance by
        reading = _Reading(session, handler, self._closing_seconds)
        try:
            with reading.in_background():
                yield {**session.params(self._url), INCLUDE_STDIO_KEY: self._include_stdio}
        finally:
            session.close()

    def no_messages_debug_text(self) -> str:
        return (
            "Attempted to read messages through Daggerboard. Use PipesHttpMessageWriter in the process elsewhere, and see that it "
            "reaches the control plane's address."
        )


class _Reading:
    """The loop that polls, in a thread of its own while the step's body goes on."""

    def __init__(self, session: _Session, handler: PipesMessageHandler, closing_seconds: float) -> None:
        self._session, self._handler, self._closing_seconds = session, handler, closing_seconds
        self._ends = threading.Event()
        self._fails = False
        self._last = 0

    @contextmanager
    def in_background(self) -> Iterator[None]:
        thread = threading.Thread(target=self._loop, name="daggerboard-pipes", daemon=True)
        thread.start()
        try:
            yield
        except BaseException:
            self._fails = True
            raise
        finally:
            self._ends.set()
            thread.join()

    def _loop(self) -> None:
        pause, quiet_since = _SOON_SECONDS, time.monotonic()
        while True:
            ends = self._ends.is_set()
            if self._take():
                pause, quiet_since = _SOON_SECONDS, time.monotonic()
                continue
            waited = time.monotonic() - (quiet_since if ends else time.monotonic())
            if ends and (self._fails or self._handler.received_closed_message or waited > self._closing_seconds):
                return
            if ends:
                time.sleep(_SOON_SECONDS)
            elif self._ends.wait(pause):
                quiet_since = time.monotonic()
            pause = min(pause * 1.5, _LATE_SECONDS)

    def _take(self) -> bool:
        """Hand on what has come; whether anything has."""
        found = self._session.read(self._last)
        for number, message in found:
            try:
                self._handler.handle_message(message)
            except Exception:  # noqa: BLE001 - as in dagster's own readers: one message that cannot be read stops no other
                self._report_exception()
            self._last = number
        return bool(found)

    def _report_exception(self) -> None:
        self._handler.report_pipes_framework_exception("PipesHttpMessageReader", sys.exc_info())


@contextmanager
def open_http_pipes_session(
    context: Context,
    *,
    extras: dict[str, Any] | None = None,
    url: str | None = None,
    include_stdio_in_messages: bool = False,
) -> Iterator[PipesSession]:
    """Dagster's `open_pipes_session` over HTTP: start the process with `session.get_bootstrap_env_vars()` in its environment, then
    `yield from session.get_results()`.
    """
    reader = PipesHttpMessageReader(url=url, include_stdio_in_messages=include_stdio_in_messages)
    injector = PipesHttpContextInjector(context, url=url)
    with open_session(context=context, extras=extras, context_injector=injector, message_reader=reader) as session:
        yield session
