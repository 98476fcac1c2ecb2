"""Requests of a session to the control plane: its address and token, and what an answer means for trying again."""

import contextlib
import gzip
import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

TIMEOUT_SECONDS = 30.0
_GZIPPED_FROM = 1024
# The session is over, or never was; and what will be refused however often it is sent.
_OVER = frozenset({401, 403, 404})
_REFUSED = frozenset({400, 413})
# What a connection that breaks, or an address that does not answer, raises.
AWAY_ERRORS = (OSError, http.client.HTTPException)


class PipesSessionOverError(Exception):
    """The step that opened the session has ended, or the token is of another. What is sent now is not recorded."""


class PipesRefusedError(Exception):
    """The control plane does not take this message, however often it is sent."""


class TryLaterError(Exception):
    """The control plane is away, or has enough for now."""

    def __init__(self, message: str, *, after: float | None = None) -> None:
        # Seconds, where it says.
        self.after = after
        super().__init__(message)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """SECURITY: the token is for one address; a redirect would hand it to another."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


_opener = urllib.request.build_opener(_NoRedirects)


class Session:
    """One session as the process elsewhere knows it. The token never shows in a representation or an error."""

    def __init__(self, *, url: str, token: str) -> None:
        if not url.startswith(("http://", "https://")):
            raise ValueError(f"The address of a Pipes session begins with http:// or https://, not {url[:20]!r}.")
        self.url = url
        self._token = token

    @classmethod
    def of(cls, params: Mapping[str, Any]) -> "Session":
        """From what the step handed over; ValueError names what is missing, and shows nothing of what is there."""
        missing = [name for name in ("url", "token") if not isinstance(params.get(name), str)]
        if missing:
            raise ValueError(
                f"These parameters of Dagster Pipes are not of Daggerboard's HTTP session: {', '.join(missing)} is missing. "
                "Use PipesHttpMessageReader and PipesHttpContextInjector in the step."
            )
        return cls(url=params["url"], token=params["token"])

    def __repr__(self) -> str:
        return f"Session(url={self.url!r})"

    def get(self, path: str) -> Any:
        """The JSON answer; raises as `post`."""
        return self._ask(urllib.request.Request(f"{self.url}/{path}"))  # noqa: S310 - the scheme was looked at

    def post(self, path: str, document: object) -> Any:
        """The JSON answer; PipesSessionOverError, PipesRefusedError, or TryLaterError."""
        body = json.dumps(document).encode()
        headers = {"Content-Type": "application/json"}
        if len(body) > _GZIPPED_FROM:
            body, headers["Content-Encoding"] = gzip.compress(body, 1), "gzip"
        return self._ask(urllib.request.Request(f"{self.url}/{path}", data=body, headers=headers))  # noqa: S310 - as above

    def _ask(self, request: urllib.request.Request) -> Any:
        # Unredirected: not kept for whatever comes behind this request.
        request.add_unredirected_header("Authorization", f"Bearer {self._token}")
        try:
            with _opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise _meaning(error) from None
        except (*AWAY_ERRORS, ValueError) as error:
            raise TryLaterError(f"The control plane does not answer: {type(error).__name__}.") from None


def _meaning(error: urllib.error.HTTPError) -> Exception:
    detail = ""
    with contextlib.suppress(*AWAY_ERRORS, ValueError, KeyError, IndexError, TypeError):
        detail = str(json.load(error)["errors"][0]["detail"])
    if error.code in _OVER:
        return PipesSessionOverError(detail or PipesSessionOverError.__doc__)
    if error.code in _REFUSED:
        return PipesRefusedError(detail or f"HTTP {error.code}")
    after = error.headers.get("Retry-After", "")
    return TryLaterError(detail or f"HTTP {error.code}", after=float(after) if after.isdigit() else None)
