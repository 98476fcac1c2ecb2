"""The request that runs something again: all of it, or what is left of it after a failure."""

from controlplane.catalog.models import AssetEvent, AssetEventKind
from controlplane.runs.deleted_history import is_gone
from controlplane.runs.errors import NotResumableError
from controlplane.runs.models import Run, Step
from controlplane.runs.requests import PARTITION_TAG, RunRequest
from controlplane.runs.resuming_ops import unfinished_steps
from controlplane.runs.retry_policy import AUTO_RETRY_TAG, RETRY_NUMBER_TAG, WILL_RETRY_TAG
from controlplane.runs.states import TERMINAL, RunStatus, StepStatus
from controlplane.runs.unfinished_checks import unfinished_checks

PARENT_TAG = "dagster/parent_run_id"
ROOT_TAG = "dagster/root_run_id"
RESUME_TAG = "dagster/is_resume_retry"
# These belong to the old run, or are made anew by the new one.
_OWN_TAGS = frozenset({PARENT_TAG, ROOT_TAG, RESUME_TAG, RETRY_NUMBER_TAG, WILL_RETRY_TAG, AUTO_RETRY_TAG})


def rerun_request(run: Run, *, from_failure: bool) -> RunRequest:
    """What to ask for. NotResumableError says why a part of the run cannot be run by itself."""
    if from_failure and run.status not in TERMINAL:
        raise NotResumableError("The run has not ended yet. Wait for it, or cancel it.")
    if from_failure and run.status == RunStatus.SUCCESS:
        raise NotResumableError("The run succeeded: there is no failure to start from. Run all of it again.")
    root = run.root_run_id or run.id
    tags = {name: value for name, value in run.tags.items() if name not in _OWN_TAGS and not _is_partition_tag(name)}
    tags |= {PARENT_TAG: str(run.id), ROOT_TAG: str(root)}
    of_assets = bool(run.target_assets or run.check_selection or run.asset_selection)
    assets, checks = run.asset_selection, run.check_selection
    if from_failure and of_assets:
        assets, checks = _unfinished(run)
    return RunRequest(
        location=run.location_name,
        job=run.job_name,
        assets=assets,
        checks=checks if of_assets or not from_failure else None,
        # A selection of ops stands: the steps are of its graph.
        ops=None if from_failure and of_assets else run.op_selection,
        step_keys=unfinished_steps(run) if from_failure and not of_assets else None if from_failure else run.step_keys,
        partition=run.partition_key,
        run_config=run.run_config,
        tags={**tags, RESUME_TAG: "true"} if from_failure else tags,
        parent_run_id=run.id,
        root_run_id=root,
    )


def _is_partition_tag(name: str) -> bool:
    return name == PARTITION_TAG or name.startswith(f"{PARTITION_TAG}/")


def _unfinished(run: Run) -> tuple[list[str] | None, list[str] | None]:
    """The assets that the run was to make and did not: those whose step failed, and those behind them that never came; and the checks that
    failed, for what is behind a blocking one waits for it again.

    Of a range of partitions, an asset that lacks one of them is made for all of the range again: its step makes them together.
    """
    if not run.target_assets:
        raise NotResumableError("Only checks ran: run all of them again.")
    if is_gone(run, "asset_events"):
        raise NotResumableError(
            "What this run materialized is not stored any more, as the setting retention.asset_events says: what was left to do is not "
            "known. Run all of it again."
        )
    planned, made = _partitions(run, AssetEventKind.PLANNED), _partitions(run, AssetEventKind.MATERIALIZATION)
    done = {asset for asset in made if planned.get(asset, {None}) <= made[asset] or planned.get(asset) == {None}}
    done -= _of_unsuccessful_steps(run)
    left = [asset for asset in run.target_assets if asset not in done]
    checks = unfinished_checks(run, left)
    if not left and not checks:
        raise NotResumableError(
            "Every asset of the run was materialized, and every check ran: what failed came after them. Run all of it again."
        )
    return left or None, checks


def _partitions(run: Run, kind: AssetEventKind) -> dict[str, set[str | None]]:
    """Of each asset of the run; None stands for an event without a partition."""
    found: dict[str, set[str | None]] = {}
    rows = AssetEvent.objects.for_org(run.org_id).filter(run_id=run.id, kind=kind)
    for asset, partition in rows.values_list("asset_key", "partition_key"):
        found.setdefault(asset, set()).add(partition)
    return found


def _of_unsuccessful_steps(run: Run) -> set[str]:
    """A step can fail after it has said that its asset is made."""
    steps = (
        Step.objects.for_org(run.org_id).filter(run_id=run.id, attempt=run.attempt).exclude(status=StepStatus.SUCCESS)
    )
    return {asset for assets in steps.values_list("assets", flat=True) for asset in assets}
