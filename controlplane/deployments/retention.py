"""How long a deployment's history is kept: what its settings say, else the installation's. And how far it has been deleted."""

import datetime
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.conf import settings as installation

from controlplane.deployments.models import RetentionMark
from controlplane.deployments.setting_checks import FOREVER
from controlplane.deployments.settings_document import retention_path, value_at
from tenants.scoping import read_scope


def kept_days(settings: Mapping[str, Any], kind: str, *, is_branch: bool) -> int | None:
    """Days for which history of the kind is kept; None for ever. `settings` are those of the full deployment, for its branches too."""
    days = value_at(settings, retention_path(kind, of_branches=True)) if is_branch else None
    if days is None:
        days = value_at(settings, retention_path(kind, of_branches=False))
    if days is None:
        days = installation.RETENTION_DAYS[kind]
    return days if days not in {0, FOREVER} else None


def deleted_before(org_id: UUID, deployment_id: UUID, kind: str) -> datetime.datetime | None:
    """History of the kind before this moment is gone; None when nothing is."""
    with read_scope(org_id):
        marks = RetentionMark.objects.for_org(org_id).filter(deployment_id=deployment_id, kind=kind)
        return marks.values_list("before", flat=True).first()
