"""Deployments as tenants.people reads them: where grants can hold, with names."""

from collections.abc import Iterable
from uuid import UUID

from controlplane.deployments.models import Deployment
from tenants.people.places import NamedPlace


def named_places(org_id: UUID, ids: Iterable[UUID] | None) -> list[NamedPlace]:
    """Every deployment, or those with these ids, by name; call it inside org_scope."""
    rows = Deployment.objects.for_org(org_id).order_by("name")
    if ids is not None:
        rows = rows.filter(id__in=list(ids))
    return [NamedPlace(name=row.name, place=row.place) for row in rows]
