"""Which form an answer takes. A file of its own: Django REST framework imports it while it imports itself."""

from collections.abc import Iterable
from typing import Any

from rest_framework.negotiation import BaseContentNegotiation, DefaultContentNegotiation
from rest_framework.request import Request


class OneFormNegotiation(BaseContentNegotiation):
    """An endpoint answers in one form only, so what the client would accept does not matter: no 406 for a browser or a curl."""

    def select_parser(self, request: Request, parsers: Iterable[Any]) -> Any:
        return DefaultContentNegotiation().select_parser(request, parsers)

    def select_renderer(self, request: Request, renderers: Iterable[Any], format_suffix: str | None = None) -> Any:
        first = next(iter(renderers))
        return first, first.media_type
