"""Text of others in Markdown. SECURITY: it may neither become markup or HTML, nor mention anybody, nor refer to issues."""

import re

_CONTROL = re.compile(r"[\x00-\x1f\x7f\u200e\u200f\u202a-\u202e\u2066-\u2069]+")
_RUNS = re.compile(r"`+")


def code(text: str, *, most: int = 120) -> str:
    """As code in a line, also of a table. Hosts look for no mentions, references, HTML or markup in code."""
    flat = cut(_CONTROL.sub(" ", text).strip(), most)
    fence = "`" * (_longest_run(flat) + 1)
    padded = f" {flat} " if flat.startswith("`") or flat.endswith("`") else flat or " "
    return fence + padded.replace("|", "\\|") + fence


def block(text: str, *, most: int = 1500) -> str:
    """As a block of code, as it was written."""
    lines = [_CONTROL.sub(" ", line).rstrip() for line in cut(text.strip(), most).splitlines()]
    fence = "`" * max(3, _longest_run(text) + 1)
    return "\n".join([f"{fence}text", *lines, fence])


def link(words: str, url: str) -> str:
    """A link with words of ours; the address may hold anything."""
    safe = re.sub(r"[\s<>()\[\]|`\"\\]", lambda found: f"%{ord(found[0]):02X}", url)
    return f"[{words}]({safe})" if safe.startswith(("https://", "http://")) else words


def cut(text: str, most: int) -> str:
    """No longer than that."""
    return text if len(text) <= most else text[: most - 1] + "…"


def _longest_run(text: str) -> int:
    return max((len(run) for run in _RUNS.findall(text)), default=0)
