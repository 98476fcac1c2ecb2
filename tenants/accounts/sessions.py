"""Sessions of people: which there are, when each was last used, and their end."""

import datetime
import time
from collections.abc import Callable
from dataclasses import dataclass

from allauth.usersessions.models import UserSession
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from tenants.accounts.audit import record_of
from tenants.accounts.devices import device_of
from tenants.errors import NotFoundError
from tenants.models import User

# How exactly "last seen" is known; a process writes it no oftener.
_SEEN_SECONDS = 60.0


class SessionActivity:
    """Middleware: notes that a session is in use."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self._seen: dict[str, float] = {}

    def __call__(self, request: HttpRequest) -> HttpResponse:
        key = request.session.session_key
        if key and isinstance(request.user, User) and self._is_due(key):
            UserSession.objects.filter(session_key=key, user=request.user).update(last_seen_at=timezone.now())
        return self.get_response(request)

    def _is_due(self, key: str) -> bool:
        now = time.monotonic()
        if now - self._seen.get(key, -_SEEN_SECONDS) < _SEEN_SECONDS:
            return False
        # A copy in one step: other threads put sessions in meanwhile.
        for known, seen in list(self._seen.items()):
            if now - seen >= _SEEN_SECONDS:
                self._seen.pop(known, None)
        self._seen[key] = now
        return True


@dataclass(frozen=True)
class OpenSession:
    """A browser in which a person is signed in."""

    id: int
    device: str
    address: str
    began_at: datetime.datetime
    last_seen_at: datetime.datetime
    is_current: bool


def open_sessions(user: User, *, current: str | None) -> list[OpenSession]:
    """Every session of a person, the latest used first; `current` is the key of the one that asks."""
    # Those that ended meanwhile are dropped.
    rows = UserSession.objects.purge_and_list(user)
    views = [
        OpenSession(
            id=row.pk,
            device=device_of(row.user_agent),
            address=row.ip,
            began_at=row.created_at,
            last_seen_at=row.last_seen_at,
            is_current=row.session_key == current,
        )
        for row in rows
    ]
    return sorted(views, key=lambda view: (not view.is_current, -view.last_seen_at.timestamp()))


@transaction.atomic
def end_session(user: User, session_id: int, *, address: str) -> None:
    """Sign one browser of a person out: its next request is nobody's. NotFoundError when it is not theirs, or has ended."""
    session = UserSession.objects.filter(user=user, pk=session_id).first()
    if session is None:
        raise NotFoundError("This session has ended already.")
    _end(session, user, address)


@transaction.atomic
def end_other_sessions(user: User, *, current: str | None, address: str) -> int:
    """Sign a person out everywhere but in the session with this key; how many sessions that ended."""
    others = list(UserSession.objects.filter(user=user).exclude(session_key=current or ""))
    for session in others:
        _end(session, user, address)
    return len(others)


def forget_ended() -> None:
    """Drop sessions that have expired, and what was noted of them."""
    SessionStore.clear_expired()
    UserSession.objects.exclude(session_key__in=Session.objects.values("session_key")).delete()


def _end(session: UserSession, user: User, address: str) -> None:
    before = {"device": device_of(session.user_agent), "address": session.ip}
    session.end()
    record_of(user, "session.revoke", address=address, before=before)
