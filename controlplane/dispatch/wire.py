"""HTTP to messages and back: protocol version, limits before and after decompression, decoding, and the error document."""

import re
from typing import Any, TypeVar

import msgspec
from django.http import HttpRequest, HttpResponse

from agent.protocol import MAX_BODY_BYTES, MAX_DECOMPRESSED_BYTES, PROTOCOL_VERSION
from controlplane.core.decompression import gunzip
from controlplane.dispatch.errors import ProtocolTooOldError
from tenants.errors import AppError, InvalidError, TooLargeError

M = TypeVar("M")

JSON = "application/json"
MSGPACK = "application/msgpack"

MAJOR, MINOR = (int(part) for part in PROTOCOL_VERSION.split("."))
# An agent may be this many minor versions older.
OLDER_MINORS = 2
_VERSION = re.compile(r"(\d{1,4})\.(\d{1,4})", re.ASCII)
# A NUL in JSON text: an odd backslash before it makes it one. No text of Postgres can hold it.
_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")
_SERVER_ERRORS = 500


def check_protocol(request: HttpRequest) -> str:
    """The agent's protocol version; ProtocolTooOldError when we do not speak it any more. A newer minor version only adds."""
    text = request.headers.get("Daggerboard-Protocol", "")
    found = _VERSION.fullmatch(text)
    if found is None or int(found[1]) != MAJOR or int(found[2]) < MINOR - OLDER_MINORS:
        raise ProtocolTooOldError(
            f"This agent speaks protocol {text[:20] or 'none'}, this control plane {MAJOR}.{max(0, MINOR - OLDER_MINORS)} to "
            f"{PROTOCOL_VERSION}. Upgrade the agent (pip install --upgrade daggerboard-agent)."
        )
    return text


def read_body(request: HttpRequest) -> bytes:
    """The body as it was sent; TooLargeError above the limit, without reading further."""
    data: bytes = request.read(MAX_BODY_BYTES + 1)
    if len(data) > MAX_BODY_BYTES:
        raise too_large()
    return data


def too_large() -> TooLargeError:
    return TooLargeError(f"The body is larger than {MAX_BODY_BYTES} bytes. Send it in smaller parts.")


def read_message(request: HttpRequest, message_type: type[M]) -> M:
    """Decode the body; InvalidError says what is wrong with it."""
    body = read_body(request)
    if request.headers.get("Content-Encoding") == "gzip":
        body = gunzip(body, max_bytes=MAX_DECOMPRESSED_BYTES)
    try:
        if request.content_type == MSGPACK:
            return msgspec.msgpack.decode(body, type=message_type)
        return msgspec.json.decode(_without_nul(body), type=message_type)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        name = message_type.__name__
        raise InvalidError(f"The body is no {name} of protocol {PROTOCOL_VERSION}: {error}") from error


def _without_nul(body: bytes) -> bytes:
    return _NUL.sub(rb"\1\\ufffd", body) if b"\\u0000" in body else body


def answer(message: Any) -> HttpResponse:
    """A message, or `{}` for None."""
    return HttpResponse(b"{}" if message is None else msgspec.json.encode(message), content_type=JSON)


def refusal(error: AppError, *, retry_after: int | None = None) -> HttpResponse:
    """The error document that agents and the REST API share."""
    kind = "server_error" if error.status >= _SERVER_ERRORS else "client_error"
    document = {"type": kind, "errors": [{"code": error.code, "detail": error.message, "attr": error.attr}]}
    response = HttpResponse(msgspec.json.encode(document), status=error.status, content_type=JSON)
    if retry_after is not None:
        response["Retry-After"] = str(retry_after)
    if error.status == 401:
        response["WWW-Authenticate"] = "Bearer"
    return response
