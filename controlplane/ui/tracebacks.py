"""A user's exception (ErrorInfo, docs/code-worker.md) as Python would have printed it."""

from collections.abc import Mapping
from typing import Any

_CAUSE = "The above exception was the direct cause of the following exception:"
_CONTEXT = "During handling of the above exception, another exception occurred:"
# The worker sends no longer chains; whatever else is stored must not make the page endless.
_LINKS = 20


def headline(error: Mapping[str, Any] | None) -> str:
    """The exception without its frames: what went wrong."""
    message = str((error or {}).get("message") or "").strip()
    return message or str((error or {}).get("cls") or "No reason was given.")


def traceback_text(error: Mapping[str, Any] | None) -> str:
    """The whole traceback, causes first; empty when there are no frames to show."""
    parts: list[str] = []
    while error and len(parts) < _LINKS:
        frames = [str(frame) for frame in error.get("stack") or []]
        head = "Traceback (most recent call last):\n" if frames else ""
        before, joined = _before(error)
        parts.append((f"\n{joined}\n\n" if joined else "") + head + "".join(frames) + headline(error) + "\n")
        error = before
    text = "".join(reversed(parts)).strip("\n")
    return text if "Traceback" in text else ""


def _before(error: Mapping[str, Any]) -> tuple[Mapping[str, Any] | None, str]:
    """The exception that came first, and the sentence that joins the two."""
    for name, sentence in (("cause", _CAUSE), ("context", _CONTEXT)):
        found = error.get(name)
        if isinstance(found, Mapping):
            return found, sentence
    return None, ""
