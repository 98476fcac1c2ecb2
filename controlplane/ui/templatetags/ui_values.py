"""How values are shown: statuses with their shape, times with their exact moment, numbers with their units."""

import datetime
import json
import shlex
from typing import Any

from django import template
from django.conf import settings
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from controlplane.definitions.asset_keys import to_parts, to_text
from controlplane.runs.models import Run
from controlplane.ui import markdown, run_words, values
from controlplane.ui.status_words import word

register = template.Library()

_SHORT_ID = 8


@register.simple_tag
def status(value: str, label: str = "", extra: str = "") -> SafeString:
    """A shape, a colour and a word."""
    return format_html('<span class="status {}" data-status="{}">{}</span>', extra, value, label or word(str(value)))


@register.filter
def status_word(value: str) -> str:
    return word(str(value))


@register.filter
def rel(at: datetime.datetime | None) -> SafeString:
    """Relative time; the exact one on hover and in copied text."""
    if not at:
        return format_html('<span class="muted">{}</span>', values.NOTHING)
    return format_html(
        '<time class="rel" datetime="{}" title="{}">{}</time>',
        at.isoformat(),
        values.exact(at),
        values.relative(at, timezone.now()),
    )


@register.filter
def since(at: datetime.datetime | None) -> SafeString:
    """A duration that counts up from then."""
    if not at:
        return SafeString(values.NOTHING)
    text = values.duration((timezone.now() - at).total_seconds())
    return format_html('<time class="since" datetime="{}" title="{}">{}</time>', at.isoformat(), values.exact(at), text)


@register.filter
def exact(at: datetime.datetime) -> str:
    return values.exact(at)


@register.filter
def duration(seconds: float | str | None) -> str:
    return values.duration(_known(seconds))


@register.filter
def filesize(number: float | str | None) -> str:
    return values.size(_known(number))


@register.filter
def count(number: float | str | None) -> str:
    return values.count(_known(number))


def _known(number: float | str | None) -> float | None:
    """A template has an empty text where something on the way to the number is missing."""
    return None if isinstance(number, str) else number


@register.filter
def plural(number: int, noun: str) -> str:
    return values.plural(number, noun)


@register.filter
def money(micros: int | None, currency: str = "") -> str:
    return values.money(micros if isinstance(micros, int) else None, currency or settings.PRICE_CURRENCY)


@register.filter
def markdown_html(text: str) -> SafeString:
    return markdown.rendered(text)


@register.filter
def short_id(value: object) -> str:
    """The end of an id: the beginning of a UUIDv7 is time, and alike for runs of the same hour."""
    return str(value).replace("-", "")[-_SHORT_ID:]


@register.filter
def get(mapping: dict[str, Any], key: str) -> Any:
    """A value by a key that only the template knows."""
    return mapping.get(key)


@register.inclusion_tag("shell/copy_id.html")
def copy_id(value: object) -> dict[str, str]:
    """An id, shortened, with a button that copies it whole."""
    return {"whole": str(value), "short": short_id(value)}


@register.filter
def run_seconds(run: Run) -> float:
    """How long a run ran, once it has ended."""
    return (run.ended_at - run.started_at).total_seconds() if run.ended_at and run.started_at else 0.0


@register.filter
def run_target(run: Run) -> str:
    """Its job, or its assets."""
    return run_words.target_words(run)


@register.filter
def is_of_assets(job_name: str) -> bool:
    return run_words.is_of_assets(str(job_name))


@register.filter
def as_text(value: object) -> str:
    return str(value)


@register.filter
def as_json(value: object) -> str:
    """Readable JSON."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


@register.filter
def asset_text(parts: list[str]) -> str:
    """An asset key of an event as text."""
    return to_text([str(part) for part in parts])


@register.filter
def spec_key(key: str) -> str:
    """The key of an asset as Python code names it: a text, or a list of its parts."""
    parts = to_parts(key)
    return json.dumps(parts[0] if len(parts) == 1 else parts, ensure_ascii=False)


@register.filter
def error_head(error: dict[str, Any]) -> str:
    """Class and message in one line; dagster's messages begin with the class already."""
    name, message = str(error.get("cls") or ""), str(error.get("message") or "")
    first = message.partition(":")[0].strip()
    return message if not name or first.rpartition(".")[2] == name else f"{name}: {message}"


@register.filter
def error_text(error: dict[str, Any]) -> str:
    """A traceback as it would be printed, causes first."""
    before = error.get("cause") or error.get("context")
    own = "".join(error.get("stack") or []) + error_head(error)
    return f"{error_text(before)}\n\n{own}" if isinstance(before, dict) else own


@register.filter
def shell_word(text: str) -> str:
    """One word of a command that people copy into a shell, whatever the text is."""
    return shlex.quote(text)
