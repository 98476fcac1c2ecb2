"""`{{ event.tags|reporter }}`: who reported an event from outside of runs. `{{ type|deed }}`: what a run does with an asset of this type."""

from collections.abc import Mapping

from django import template

from controlplane.external.reports.values import REPORTER_TAG

register = template.Library()


@register.filter
def reporter(tags: Mapping[str, str] | None) -> str:
    return (tags or {}).get(REPORTER_TAG, "")


@register.filter
def deed(execution_type: str | None) -> str:
    return "Observe" if execution_type == "observation" else "Materialize"
