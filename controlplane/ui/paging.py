"""Cursor pages of lists, asked for in the address."""

from django.http import HttpRequest

from tenants.paging import PageRequest, decode_cursor

PAGE_SIZE = 50


def asked(request: HttpRequest, *, size: int = PAGE_SIZE) -> PageRequest:
    """Which page the address asks for; InvalidError when its cursor is not one of ours."""
    text = request.GET.get("cursor")
    return PageRequest(after=decode_cursor(text) if text else None, size=size)
