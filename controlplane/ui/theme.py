"""Which appearance a browser asked for: the system's, light or dark; remembered in a cookie, so the first paint is right."""

from django.http import HttpRequest

COOKIE = "daggerboard_theme"
THEMES = ("system", "light", "dark")
YEAR_SECONDS = 365 * 24 * 3600


def theme_of(request: HttpRequest | None) -> str:
    """The theme a request's cookie names, or the system's."""
    named = request.COOKIES.get(COOKIE, "system") if request else "system"
    return named if named in THEMES else "system"
