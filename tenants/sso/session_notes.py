"""What a session remembers of the connection that opened it. Reads and writes the session only."""

from dataclasses import asdict, dataclass
from uuid import UUID

from django.http import HttpRequest

_NOTE = "sso"


@dataclass(frozen=True)
class SsoNote:
    """The connection and its organization, and the person it signed in.

    `confined`: the organization has not verified the person's domain, so the session opens nothing but that organization.
    """

    connection: str
    org: str
    user: str
    confined: bool


def write_note(request: HttpRequest, note: SsoNote) -> None:
    """Remember it, from now on until the session ends."""
    request.session[_NOTE] = asdict(note)


def note_of(request: HttpRequest) -> SsoNote | None:
    """The note, when single sign-on opened this session for the person who is signed in."""
    stored = request.session.get(_NOTE)
    if not isinstance(stored, dict) or stored.get("user") != str(getattr(request.user, "pk", None)):
        return None
    return SsoNote(**stored)


def forget_note(request: HttpRequest) -> None:
    """For a sign-in by another way in the same browser."""
    request.session.pop(_NOTE, None)


def confined_to(request: HttpRequest) -> UUID | None:
    """The one organization that this session may enter; None when it is not confined."""
    note = note_of(request)
    return UUID(note.org) if note is not None and note.confined else None
