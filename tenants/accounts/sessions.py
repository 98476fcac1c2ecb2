"""Sessions of people: when each was last used, and their end."""

import time
from collections.abc import Callable

from allauth.usersessions.models import UserSession
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

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
