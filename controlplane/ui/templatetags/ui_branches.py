"""How the pages of branch deployments write what changed."""

from django import template

from controlplane.ui.change_lines import WORDS
from controlplane.ui.templatetags.ui_metadata import number
from controlplane.ui.values import NOTHING

register = template.Library()

_LABELS = {"dagster/row_count": "Rows"}
_PLAIN = {"added": "added", "changed": "changed", "removed": "removed", "affected": "affected"}


@register.filter
def change_word(status: str) -> str:
    """`New in branch`."""
    return WORDS[status]


@register.filter
def change_count(count: int, status: str) -> str:
    """`3 changed`."""
    return f"{count:,} {_PLAIN[status]}"


@register.filter
def metadata_label(label: str) -> str:
    """What people call an entry that dagster named."""
    return _LABELS.get(label, label)


@register.filter
def plain_number(value: float | None) -> str:
    """A number of either side, or that there is none."""
    if value is None:
        return NOTHING
    return number(int(value) if value == int(value) else value)


@register.filter
def relative_change(value: float | None) -> str:
    """`+10 %`, `-3.2 %`, `same`; a dash where there is nothing to compare."""
    if value is None:
        return NOTHING
    if value == 0:
        return "same"
    percent = value * 100
    return f"{percent:+.1f} %" if abs(percent) < 10 else f"{percent:+,.0f} %"
