"""What a world holds, for tests that need its ids."""

from uuid import UUID

from controlplane.deployments.visibility import all_of
from controlplane.runs import selectors as runs
from tests.runs.scripts import Stage


def runs_by_status(stage: Stage) -> dict[str, UUID]:
    """The newest run of each status."""
    found: dict[str, UUID] = {}
    for run in runs.runs(all_of(stage.org_id, stage.cast.deployment.id)).runs:
        found.setdefault(str(run.status), run.id)
    return found
