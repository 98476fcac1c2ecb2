"""How long things may take, and how much is caught up: the bounds of ticks. docs/automation.md says them to people."""

import datetime
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from controlplane.automation.models import Instigator, InstigatorKind
from controlplane.deployments.models import Deployment, DeploymentKind
from controlplane.deployments.settings_document import CATCH_UP_PATH, SENSOR_TIMEOUT_PATH, value_at

DEFAULT_TIMEOUT_SECONDS = 60.0
LONGEST_TIMEOUT_SECONDS = 3600.0
# Dagster's own.
DEFAULT_CATCH_UP = 5
# Of one schedule after a long outage of ours: older ones leave no row.
MOST_MISSED = 1000
# How long a tick waits for an agent that has the code, before it is missed; shorter for one that an agent took with it.
PATIENCE = datetime.timedelta(seconds=30)
PATIENCE_AFTER_LOSS = datetime.timedelta(seconds=10)
# A branch deployment that sleeps loads its code first.
PATIENCE_FOR_WAKING = datetime.timedelta(minutes=5)
RETRY = datetime.timedelta(seconds=2)
LOOK = datetime.timedelta(seconds=5)
# What an answer takes on its way, after the time that user code had.
TRAVEL = datetime.timedelta(seconds=4)
# As often an agent is asked for one tick: what kills two agents is not given to a third.
MOST_ATTEMPTS = 3
# Nobody knows whether it is its code that ends them: this counts as its failure, so that it is evaluated less often.
LOST_OFTEN = f"{MOST_ATTEMPTS} times its agent was lost while it was evaluated. Does its code end the agent?"
# A definition says its own with this tag, in seconds.
TIMEOUT_TAG = "daggerboard/tick_timeout"


class Policies:
    """What is set for the deployments of some ticks; a branch deployment has its parent's."""

    def __init__(self, org_id: UUID, deployment_ids: Iterable[UUID]) -> None:
        rows = Deployment.objects.for_org(org_id).defer("protection", "protection_override")
        self.deployments = {row.id: row for row in rows.filter(id__in=set(deployment_ids))}
        parents = {row.parent_id for row in self.deployments.values() if row.parent_id is not None}
        missing = parents - self.deployments.keys()
        self._parents = {row.id: row for row in rows.filter(id__in=missing)} if missing else {}

    def settings(self, deployment_id: UUID) -> Mapping[str, Any]:
        """The settings document that holds there; empty for a deployment that is gone."""
        deployment = self.deployments.get(deployment_id)
        if deployment is None:
            return {}
        if deployment.parent_id is not None:
            parent = self.deployments.get(deployment.parent_id) or self._parents.get(deployment.parent_id)
            return parent.settings if parent is not None else {}
        settings: Mapping[str, Any] = deployment.settings
        return settings

    def of_branch(self, deployment_id: UUID) -> bool:
        """Whether it is a branch deployment."""
        deployment = self.deployments.get(deployment_id)
        return deployment is not None and deployment.kind == DeploymentKind.BRANCH

    def catch_up(self, deployment_id: UUID) -> int:
        """How many missed ticks of a schedule are caught up. None in a branch deployment: what it slept through is over."""
        if self.of_branch(deployment_id):
            return 0
        asked = value_at(self.settings(deployment_id), CATCH_UP_PATH)
        return int(asked) if asked is not None else DEFAULT_CATCH_UP

    def timeout(self, row: Instigator) -> float:
        """Seconds that one tick may take."""
        if row.timeout_seconds is not None:
            return row.timeout_seconds
        if row.kind != InstigatorKind.SENSOR:
            return DEFAULT_TIMEOUT_SECONDS
        asked = value_at(self.settings(row.deployment_id), SENSOR_TIMEOUT_PATH)
        return float(asked) if asked is not None else DEFAULT_TIMEOUT_SECONDS


def timeout_of_tags(tags: Mapping[str, str]) -> float | None:
    """The definition's own timeout; None where it says none, or nothing that is one."""
    try:
        seconds = float(tags.get(TIMEOUT_TAG, ""))
    except ValueError:
        return None
    return seconds if 0 < seconds <= LONGEST_TIMEOUT_SECONDS else None
