"""`{% page 'run' run_id=run.id %}` and `{% asset_link key %}`: addresses below the deployment of the page being rendered."""

from typing import Any
from urllib.parse import urlencode

from django import template
from django.urls import reverse

from controlplane.ui.links import Links

register = template.Library()


@register.simple_tag(takes_context=True)
def page(context: dict[str, Any], name: str, /, **kwargs: Any) -> str:
    return _links(context).page(name, **kwargs)


@register.simple_tag(takes_context=True)
def page_with(context: dict[str, Any], name: str, /, **query: Any) -> str:
    """A page without arguments in its path, with a query; empty values are left out."""
    return _links(context).page(name, query={k: v for k, v in query.items() if v not in {None, ""}})


@register.simple_tag(takes_context=True)
def asset_link(context: dict[str, Any], key: str, tab: str = "") -> str:
    return _links(context).asset(key, query={"tab": tab} if tab else None)


@register.simple_tag(takes_context=True)
def partition_cells_url(context: dict[str, Any], key: str) -> str:
    """Where the heat map of an asset's partitions is read."""
    links = _links(context)
    address = reverse("api:partition-cells", kwargs={"org": links.org, "deployment": links.deployment})
    return f"{address}?{urlencode({'asset': key})}"


@register.simple_tag(takes_context=True)
def job_link(context: dict[str, Any], location: str, name: str) -> str:
    return _links(context).job(location, name)


@register.simple_tag(takes_context=True)
def instigator_link(context: dict[str, Any], kind: str, location: str, name: str) -> str:
    """The page of a schedule or sensor, by its name."""
    return _links(context).page("instigator-by-name", query={"kind": kind, "location": location, "name": name})


@register.simple_tag(takes_context=True)
def location_link(context: dict[str, Any], name: str) -> str:
    return _links(context).location(name)


@register.simple_tag(takes_context=True)
def run_link(context: dict[str, Any], run_id: object) -> str:
    return _links(context).run(run_id)


@register.simple_tag(takes_context=True)
def query_with(context: dict[str, Any], **changes: Any) -> str:
    """The current query string with some values changed; None or '' removes one. The cursor goes unless it is set."""
    request = context["request"]
    query = request.GET.copy()
    query.pop("cursor", None)
    for name, value in changes.items():
        if value in {None, ""}:
            query.pop(name, None)
        else:
            query[name] = str(value)
    return f"?{query.urlencode()}" if query else request.path


def _links(context: dict[str, Any]) -> Links:
    links: Links = context["links"]
    return links
