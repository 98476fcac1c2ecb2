"""What code of strangers gets of the agent's own environment: nothing but what any program needs to start.

It still runs as the agent's user, and can read what that user can. Whoever runs code of forks gives it an agent of its own, with a user
of its own (docs/environment.md, Forks).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# Where programs and their libraries are, how text and time are written, which certificates to trust. No proxy: its address often holds a
# password. No HOME: tools look there for credentials.
_NEEDED = frozenset(
    {"PATH", "LD_LIBRARY_PATH", "LANG", "LANGUAGE", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "PYTHONUTF8"}
)
_NEEDED_PREFIX = "LC_"


def needed(inherited: Mapping[str, str], *, home: Path) -> dict[str, str]:
    """Answer the part of the agent's environment that code of strangers sees, with an empty home folder, which is made."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    kept = {name: text for name, text in inherited.items() if name in _NEEDED or name.startswith(_NEEDED_PREFIX)}
    return {**kept, "HOME": str(home)}
