"""What every message is, and what every request says."""

from __future__ import annotations

import msgspec

PROTOCOL_VERSION = "1.3"

# A batch above this is refused with 413: 8 MiB on the wire, 64 MiB once decompressed.
MAX_BODY_BYTES = 8 * 1024 * 1024
MAX_DECOMPRESSED_BYTES = 64 * 1024 * 1024


class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of every wire type."""
