"""The one place where secrets are taken out of what the audit log keeps."""

import re
from collections.abc import Mapping
from typing import Any

REDACTED = "[redacted]"
_SECRET_NAME = re.compile(
    r"pass(word|phrase)?$|secret|token|credential|private_?key|api_?key|authorization|cookie", re.IGNORECASE
)
# Names that sound like secrets and are none.
_PLAIN = frozenset({"token_id", "token_kind", "token_name", "secret_names"})
_TOKEN_TEXT = re.compile(r"dgb_[a-z]+_[0-9A-Za-z~_\-.:]+")


def redacted(value: Any) -> Any:
    """The same JSON value without secrets: those under names of secrets, and our own tokens wherever they stand."""
    if isinstance(value, Mapping):
        return {str(name): REDACTED if _is_secret(str(name), part) else redacted(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [redacted(part) for part in value]
    if isinstance(value, str):
        return _TOKEN_TEXT.sub(REDACTED, value)
    return value


def _is_secret(name: str, value: Any) -> bool:
    return name not in _PLAIN and isinstance(value, str | bytes) and bool(_SECRET_NAME.search(name))
