"""Whole numbers in addresses."""

from django.http import HttpRequest

from tenants.errors import InvalidError

# Beyond a bigint nothing has a number.
_MOST = 2**62


def number(request: HttpRequest, name: str, default: int) -> int:
    """A whole number from the query; InvalidError when it is none."""
    text = request.GET.get(name, "")
    if not text:
        return default
    if not text.isascii() or not text.isdigit():
        raise InvalidError(f"{name} is a whole number, not {text[:20]!r}.", attr=name)
    return min(int(text), _MOST)
