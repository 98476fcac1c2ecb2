"""Metadata of users, each kind as what it is. Everything is text of strangers: escaped, bounded, never followed blindly."""

import datetime
import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from controlplane.definitions.asset_keys import to_text
from controlplane.ui import markdown, values
from controlplane.ui.links import Links

register = template.Library()

_TABLE_ROWS = 50
_TEXT_SHOWN = 20_000
_LONG = 120


@register.inclusion_tag("assets/_metadata.html", takes_context=True)
def metadata_table(context: dict[str, Any], metadata: dict[str, Any]) -> dict[str, Any]:
    """Labels and values of one event or definition."""
    return {"entries": sorted((metadata or {}).items()), "links": context["links"]}


@register.simple_tag(takes_context=True)
def metadata_value(context: dict[str, Any], entry: Any) -> SafeString:
    """One value, by its kind."""
    if not isinstance(entry, dict) or "type" not in entry:
        return _text(json.dumps(entry, ensure_ascii=False))
    value = entry.get("value")
    if value is None and entry.get("repr") is not None:
        return format_html('<code title="not a number that JSON has">{}</code>', str(entry["repr"])[:_TEXT_SHOWN])
    show = _KINDS.get(str(entry["type"]))
    shown = show(value, context["links"]) if show else _json(value, None)
    return format_html('{} <span class="muted small">(cut)</span>', shown) if entry.get("truncated") else shown


@register.filter
def number(value: float) -> str:
    """With thousands apart, and no digits that say nothing."""
    return f"{value:,}" if isinstance(value, int) else f"{value:,.6g}" if abs(value) < 1e6 else f"{value:,.0f}"


@register.filter
def from_epoch(seconds: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(seconds, tz=datetime.UTC)


def _text(value: Any, _links: Links | None = None) -> SafeString:
    text = str(value)
    if len(text) > _LONG or "\n" in text:
        cut = text[:_TEXT_SHOWN] + (" …" if len(text) > _TEXT_SHOWN else "")
        return format_html('<pre tabindex="0">{}</pre>', cut)
    return format_html("{}", text)


def _number(value: Any, _links: Links | None) -> SafeString:
    return format_html('<span class="mono">{}</span>', number(value) if isinstance(value, int | float) else value)


def _url(value: Any, _links: Links | None) -> SafeString:
    text = str(value)
    # SECURITY: only schemes that cannot run anything become a link.
    if urlsplit(text).scheme not in {"http", "https"}:
        return _text(text)
    return format_html('<a href="{}" rel="noopener noreferrer nofollow" class="wrap-any">{}</a>', text, text[:300])


def _json(value: Any, _links: Links | None) -> SafeString:
    return _text(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def _markdown(value: Any, _links: Links | None) -> SafeString:
    return format_html('<div class="prose">{}</div>', markdown.rendered(str(value)))


def _timestamp(value: Any, _links: Links | None) -> SafeString:
    try:
        at = datetime.datetime.fromtimestamp(float(value), tz=datetime.UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return _text(value)
    return format_html('<time datetime="{}">{}</time>', at.isoformat(), values.exact(at))


def _asset(value: Any, links: Links | None) -> SafeString:
    key = to_text(value) if isinstance(value, list) else str(value)
    return format_html('<a class="mono" href="{}">{}</a>', links.asset(key), key) if links else _text(key)


def _run(value: Any, links: Links | None) -> SafeString:
    return (
        format_html('<a class="mono" href="{}">{}</a>', links.page("runs", query={"id": value}), value)
        if links
        else _text(value)
    )


def _table(value: Any, _links: Links | None) -> SafeString:
    records = value.get("records") if isinstance(value, dict) else None
    if not isinstance(records, list) or not records or not all(isinstance(r, dict) for r in records):
        return _json(value, None)
    names = list(records[0])
    rows = [tuple(str(record.get(name, ""))[:200] for name in names) for record in records[:_TABLE_ROWS]]
    more = (
        format_html('<div class="muted small">The first {} of {} rows</div>', _TABLE_ROWS, len(records))
        if len(records) > _TABLE_ROWS
        else SafeString("")
    )
    return format_html("{}{}", _html_table(names, rows), more)


def _table_schema(value: Any, _links: Links | None) -> SafeString:
    columns = value.get("columns") if isinstance(value, dict) else None
    if not isinstance(columns, list) or not all(isinstance(c, dict) for c in columns):
        return _json(value, None)
    rows = [(str(c.get("name", "")), str(c.get("type", "")), str(c.get("description") or "")[:200]) for c in columns]
    return _html_table(["Column", "Type", "Description"], rows)


def _html_table(names: list[str], rows: Sequence[tuple[str, ...]]) -> SafeString:
    head = format_html_join("", '<th scope="col">{}</th>', ((name,) for name in names))
    cells = (format_html_join("", "<td>{}</td>", ((cell,) for cell in row)) for row in rows)
    body = format_html_join("", "<tr>{}</tr>", ((row,) for row in cells))
    return format_html(
        '<div class="table-box table-scroll" tabindex="0"><table><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>',
        head,
        body,
    )


_KINDS = {
    "text": _text,
    "path": _text,
    "notebook": _text,
    "url": _url,
    "md": _markdown,
    "json": _json,
    "int": _number,
    "float": _number,
    "bool": lambda value, _links: _text("yes" if value else "no"),
    "null": lambda _value, _links: SafeString('<span class="muted">null</span>'),
    "timestamp": _timestamp,
    "asset": _asset,
    "run": _run,
    "table": _table,
    "table_schema": _table_schema,
}
