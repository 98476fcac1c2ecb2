"""The document's head: bundled files with their version in the address, and the theme."""

from functools import lru_cache
from typing import Any

from django import template
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

from controlplane.ui.build import STAMP
from controlplane.ui.theme import theme_of

register = template.Library()


@register.simple_tag
def bundle_url(path: str) -> str:
    """A static file's address; its version changes with the front end's sources, so caches never serve an old one."""
    return f"{static(path)}?v={_version()}"


@register.simple_tag(takes_context=True)
def theme_attribute(context: dict[str, Any]) -> SafeString:
    theme = theme_of(context.get("request"))
    return SafeString("") if theme == "system" else format_html(' data-theme="{}"', theme)


@register.simple_tag(takes_context=True)
def current_theme(context: dict[str, Any]) -> str:
    return theme_of(context.get("request"))


def _version() -> str:
    try:
        return _stamp(STAMP.stat().st_mtime_ns)
    except FileNotFoundError:
        return "unbuilt"


@lru_cache(maxsize=1)
def _stamp(_modified: int) -> str:
    return STAMP.read_text()[:12]
