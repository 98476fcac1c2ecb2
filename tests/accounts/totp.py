"""Codes of an authenticator app, by RFC 6238."""

import base64
import hmac
import struct
import time

_STEP_SECONDS = 30


def code(secret: str, *, at: float | None = None) -> str:
    """The six digits that an app shows for this secret, now or at a time in seconds since 1970."""
    counter = struct.pack(">Q", int((time.time() if at is None else at) // _STEP_SECONDS))
    digest = hmac.digest(base64.b32decode(secret), counter, "sha1")
    place = digest[-1] & 15
    number = struct.unpack(">I", digest[place : place + 4])[0] & 0x7FFFFFFF
    return f"{number % 1_000_000:06}"
