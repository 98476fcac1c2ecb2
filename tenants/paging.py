"""Cursor pages, as every list of the API answers them: `{"results": […], "next": address or null}`.

A cursor holds the sort key of the last row seen, so that a page costs the same wherever it lies and nothing is skipped or repeated
while rows arrive. It says nothing about who may see what: the list itself is scoped and filtered again for every page.
"""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Generic, TypeVar

from django.core.exceptions import ValidationError
from django.db.models import Field as ModelField
from django.db.models import Model, Q, QuerySet
from drf_spectacular.utils import OpenApiParameter, inline_serializer
from rest_framework.fields import URLField
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from tenants.errors import InvalidError

# Small enough for one screen, large enough that most lists are one page.
DEFAULT_SIZE = 50
MAX_SIZE = 1000

T = TypeVar("T")
M = TypeVar("M", bound=Model)
Key = tuple[Any, ...]


@dataclass(frozen=True)
class PageRequest:
    """Which page is asked for: what comes after a sort key, and how many at most."""

    after: Key | None = None
    size: int = DEFAULT_SIZE


@dataclass(frozen=True)
class Page(Generic[T]):
    """One page. `cursor` marks its end (that of the request when nothing came), `more` says whether something follows."""

    results: Sequence[T]
    cursor: str | None
    more: bool


def page_request(request: Request, *, default_size: int = DEFAULT_SIZE) -> PageRequest:
    """Read `cursor` and `limit` from the query; InvalidError when they make no sense."""
    text = request.query_params.get("cursor")
    return PageRequest(
        after=decode_cursor(text) if text else None, size=_size(request.query_params.get("limit"), default_size)
    )


def _size(text: str | None, default: int) -> int:
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= MAX_SIZE:
        raise InvalidError(f"limit is a whole number from 1 to {MAX_SIZE}.", attr="limit")
    return int(text)


def page_of_rows(
    rows: QuerySet[M], asked: PageRequest, *, by: Sequence[str], read_from: QuerySet[M] | None = None
) -> Page[M]:
    """A page of a query, ordered by the fields in `by`, all of them rising or all falling (`-id`).

    With `read_from` the page is found by its keys alone, which indexes may hold, and its rows are read from there: rows of the same table
    without the conditions. What ceases to meet them between the two statements is shown as it is now, and ends no list early; what is
    deleted is left out. Call it inside one scope.
    """
    fields = [name.removeprefix("-") for name in by]
    if asked.after is not None:
        rows = rows.filter(_beyond(rows.model, fields, asked.after, falling=by[0].startswith("-")))
    ordered = rows.order_by(*by)
    if read_from is None:
        return _page(list(ordered[: asked.size + 1]), asked, lambda row: tuple(getattr(row, field) for field in fields))
    keys = _page(list(ordered.values_list("pk", *fields)[: asked.size + 1]), asked, lambda key: key[1:])
    found = read_from.filter(pk__in=[key[0] for key in keys.results]).order_by(*by)
    return Page(results=list(found), cursor=keys.cursor, more=keys.more)


def page_of_list(items: Sequence[T], asked: PageRequest, *, key: Callable[[T], Key]) -> Page[T]:
    """A page of a list that is in memory, rising by `key`; the cursor survives changes of the list."""
    after = asked.after
    try:
        rest = sorted((i for i in items if after is None or key(i) > after), key=key)
    except TypeError as error:
        raise _bad_cursor() from error
    return _page(rest[: asked.size + 1], asked, key)


def page_of_sequence(read: Callable[[int, int], Sequence[T]], asked: PageRequest) -> Page[T]:
    """A page of what has no key to continue from but a fixed order: `read(offset, limit)` gives a stretch of it."""
    offset = asked.after[0] if asked.after else 0
    if asked.after and (len(asked.after) != 1 or not isinstance(offset, int) or offset < 0):
        raise _bad_cursor()
    found = list(read(offset, asked.size + 1))
    end = offset + min(len(found), asked.size)
    return Page(results=found[: asked.size], cursor=encode_cursor((end,)), more=len(found) > asked.size)


def _page(found: list[T], asked: PageRequest, key: Callable[[T], Key]) -> Page[T]:
    results = found[: asked.size]
    last = key(results[-1]) if results else asked.after
    return Page(results=results, cursor=encode_cursor(last) if last is not None else None, more=len(found) > asked.size)


def _beyond(model: type[Model], fields: list[str], after: Key, *, falling: bool) -> Q:
    values = _typed(model, fields, after)
    lookup = "lt" if falling else "gt"
    condition = Q()
    for position, field in enumerate(fields):
        same = dict(zip(fields[:position], values[:position], strict=True))
        condition |= Q(**same, **{f"{field}__{lookup}": values[position]})
    return condition


def _typed(model: type[Model], fields: list[str], after: Key) -> list[Any]:
    if len(after) != len(fields):
        raise _bad_cursor()
    try:
        return [_field(model, name).to_python(value) for name, value in zip(fields, after, strict=True)]
    except (ValidationError, TypeError, ValueError) as error:
        raise _bad_cursor() from error


def _field(model: type[Model], name: str) -> "ModelField[Any, Any]":
    field = model._meta.get_field(name)
    assert isinstance(field, ModelField)  # lists are ordered by columns of their own table
    return field


def encode_cursor(key: Key) -> str:
    """Write a sort key as text for an address."""
    return base64.urlsafe_b64encode(json.dumps(key, default=str, separators=(",", ":")).encode()).decode().rstrip("=")


def decode_cursor(text: str) -> Key:
    """Read a cursor; InvalidError when it is not one."""
    try:
        values = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (binascii.Error, ValueError) as error:
        raise _bad_cursor() from error
    if not isinstance(values, list) or not all(isinstance(v, str | int) for v in values):
        raise _bad_cursor()
    return tuple(values)


def _bad_cursor() -> InvalidError:
    return InvalidError(
        "This cursor is not one of ours. Take it from the `next` of a page, or leave it out.", attr="cursor"
    )


def page_response(request: Request, page: Page[Any], serializer: type[Serializer[Any]], **context: Any) -> Response:
    """Answer a page; `context` is the serializer's."""
    return Response(
        {"results": serializer(page.results, many=True, context=context).data, "next": next_address(request, page)}
    )


def next_address(request: Request, page: Page[Any]) -> str | None:
    """The address of the following page, with the same filters."""
    if not page.more:
        return None
    query = request.query_params.copy()
    query["cursor"] = page.cursor or ""
    return request.build_absolute_uri(f"{request.path}?{query.urlencode()}")


@cache
def page_schema(serializer: type[Serializer[Any]]) -> Serializer[Any]:
    """The form of such an answer, for the schema; one for each serializer."""
    name = serializer.__name__.removesuffix("Serializer")
    following = URLField(allow_null=True, help_text="Address of the next page, or null at the end.")
    return inline_serializer(f"{name}Page", fields={"results": serializer(many=True), "next": following})


PAGE_PARAMETERS = [
    OpenApiParameter("cursor", str, description="Where the page begins: taken from `next`."),
    OpenApiParameter("limit", int, description=f"How many at most, {DEFAULT_SIZE} unless told, at most {MAX_SIZE}."),
]
