"""The text of a token: `dgb_<kind>_<id>_<secret>_<crc>`. A scanner finds it by prefix and checks it without asking us."""

import hashlib
import hmac
import secrets
import zlib
from dataclasses import dataclass
from uuid import UUID

PREFIX = "dgb"
_PARTS = 5


@dataclass(frozen=True)
class ParsedToken:
    """A token whose form and checksum are right; whether it is known is for the database."""

    kind: str
    id: UUID
    secret: str

    def matches(self, secret_sha256: "bytes | memoryview[int]") -> bool:
        """Compare in constant time with what is stored."""
        return hmac.compare_digest(digest(self.secret), bytes(secret_sha256))


def new_secret() -> str:
    """256 random bits as hex, which has no separator in it."""
    return secrets.token_hex(32)


def digest(secret: str) -> bytes:
    """SHA-256; a random secret of 256 bits needs no slow hash."""
    return hashlib.sha256(secret.encode()).digest()


def token_text(*, kind: str, token_id: UUID, secret: str) -> str:
    """Write a token down."""
    body = f"{PREFIX}_{kind}_{token_id.hex}_{secret}"
    return f"{body}_{_crc(body)}"


def parse_token(text: str) -> ParsedToken | None:
    """Read a token, or None when it is not one."""
    parts = text.split("_")
    if len(parts) != _PARTS or parts[0] != PREFIX or _crc(text.rpartition("_")[0]) != parts[4]:
        return None
    try:
        return ParsedToken(kind=parts[1], id=UUID(parts[2]), secret=parts[3])
    except ValueError:
        return None


def _crc(body: str) -> str:
    return f"{zlib.crc32(body.encode()):08x}"
