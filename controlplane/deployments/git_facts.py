"""What is known of the commit that some code came from, for people and for the variables that code sees."""

import msgspec


class GitFacts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All of it is optional. `timestamp` is in Unix seconds."""

    branch: str = ""
    message: str = ""
    timestamp: float | None = None
    author_name: str = ""
    author_email: str = ""
    author_avatar_url: str = ""

    def document(self) -> dict[str, object]:
        """The stored form: only what is known."""
        found: dict[str, object] = msgspec.to_builtins(self)
        return found
