"""Markdown of users as HTML: raw HTML stays text, links and images only where they are harmless."""

from collections.abc import MutableMapping, Sequence
from functools import lru_cache
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import OptionsDict

# Beyond this a text is shown as it is: nobody reads a megabyte of prose, and parsing it costs seconds.
MAX_RENDERED = 100_000


@lru_cache(maxsize=256)
def rendered(text: str) -> SafeString:
    """HTML that can be put into a page."""
    if len(text) > MAX_RENDERED:
        return format_html("<pre>{}</pre>", text)
    # SECURITY: the parser escapes all HTML (html=False) and refuses javascript: and data: links; images come from us or inline
    # only, because the content security policy allows no others.
    return SafeString(_parser().render(text))


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    parser.add_render_rule("link_open", _outside_link)
    return parser


def _outside_link(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, _env: MutableMapping[str, Any]
) -> str:
    tokens[index].attrSet("rel", "noopener noreferrer nofollow")
    return renderer.renderToken(tokens, index, options, _env)
