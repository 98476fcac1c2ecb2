"""What people and programs do with runs: request, cancel, run again. Each is one transaction."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db.models.functions import Now

from controlplane.catalog import projections as catalog
from controlplane.catalog.models import AssetEventKind
from controlplane.catalog.rows import AssetEventRow
from controlplane.definitions.asset_keys import to_text
from controlplane.deployments.branches import wake
from controlplane.deployments.freezing import require_thawed
from controlplane.runs import audit_trail, labels, planned_checks, reasons, retry_verdicts, transitions
from controlplane.runs.config_errors import check_config
from controlplane.runs.errors import InvalidRunConfigError, RunEndedError
from controlplane.runs.fair_share import share_of
from controlplane.runs.locking import lock_runs
from controlplane.runs.models import Run, RunLabel
from controlplane.runs.pools_of_runs import pools_of
from controlplane.runs.requests import PARTITION_TAG, RunRequest, check_config_size, check_tags, priority
from controlplane.runs.rerun import rerun_request
from controlplane.runs.states import RunStatus
from controlplane.runs.targets import Target, find_target
from tenants.access import Actor
from tenants.errors import NotFoundError
from tenants.ids import uuid7
from tenants.organizations import require_writable
from tenants.scoping import org_scope


def request_run(
    *, org_id: UUID, deployment_id: UUID, request: RunRequest, actor: Actor, to_close: bool = False, noted: bool = True
) -> Run:
    """Put a run into the queue, checked against the stored definitions, with the materializations that it plans.

    `to_close`: it is the closing job of a branch deployment, the only one that such a deployment still takes. `noted`: it is audited by
    itself, not with the bulk action that it is a part of.
    """
    with org_scope(org_id):
        require_writable(org_id)
        require_thawed(org_id, deployment_id)
        target = find_target(org_id=org_id, deployment_id=deployment_id, request=request)
        tags = {**target.selection.job.run_tags, **target.partition_tags, **check_tags(request.tags)}
        if request.partition is not None:
            tags[PARTITION_TAG] = request.partition
        config = _checked_config(target, request)
        # The last thing that can refuse: it holds the branch, which a call to user code above may have to wake itself.
        wake(org_id=org_id, deployment_id=deployment_id, to_close=to_close)
        run = _create(org_id, deployment_id, request, target, tags=tags, config=config, actor=actor)
        # A run of single steps evaluates no more than those do, which is known once it does.
        checks = [] if run.step_keys else planned_checks.of_selection(target.selection)
        _label(run, checks)
        _plan(run, target)
        planned_checks.note(org_id, deployment_id, checks)
        _enqueue(run)
        if noted:
            audit_trail.note_launch(run, actor)
        return run


def _checked_config(target: Target, request: RunRequest) -> dict[str, Any]:
    config = check_config_size(request.run_config)
    selection, manifest = target.selection, target.found.manifest
    # The user's own code configures a partition of a job when no config is given.
    configured_by_code = not config and request.partition is not None and selection.job.partitions is not None
    partial = configured_by_code or selection.ops is not None or selection.assets is not None
    errors = check_config(manifest.config_types, selection.job.config, config, partial=partial)
    if errors:
        raise InvalidRunConfigError(errors)
    return config


def _create(
    org_id: UUID,
    deployment_id: UUID,
    request: RunRequest,
    target: Target,
    *,
    tags: dict[str, str],
    config: dict[str, Any],
    actor: Actor,
) -> Run:
    found, selection = target.found, target.selection
    run_id = uuid7()
    pools, gate_pools = pools_of(selection)
    return Run.objects.create_in(
        org_id,
        id=run_id,
        deployment_id=deployment_id,
        location_id=found.location.id,
        location_name=found.location.name,
        version_id=found.version.id,
        job_name=selection.job.name,
        asset_selection=selection.assets,
        check_selection=selection.checks,
        op_selection=selection.ops,
        step_keys=list(request.step_keys) if request.step_keys else None,
        target_assets=selection.targets,
        partition_key=request.partition,
        run_config=config,
        tags=tags,
        parent_run_id=request.parent_run_id,
        root_run_id=request.root_run_id or run_id,
        queue=found.location.queue,
        priority=priority(tags),
        share=share_of(org_id, selection.touched, actor),
        pools=pools,
        gate_pools=gate_pools,
        actor_kind=actor.kind,
        actor_id=actor.id,
        actor_label=actor.label[:254],
        created_at=Now(),
        updated_at=Now(),
    )


def _label(run: Run, checks: Iterable[str]) -> None:
    found = labels.of_run(
        assets=run.target_assets,
        checks=checks,
        partition_key=run.partition_key,
        tags=run.tags,
        actor=run.actor_label,
    )
    RunLabel.unscoped.bulk_create(
        RunLabel(org_id=run.org_id, run_id=run.id, label=label, deployment_id=run.deployment_id)
        for label in sorted(found)
    )


def _plan(run: Run, target: Target) -> None:
    """One planned materialization for each asset, or for each partition of those that have any."""
    run.refresh_from_db(fields=["created_at", "updated_at"])
    partitioned = {to_text(asset.key) for asset in target.selection.touched if asset.partitions}
    rows = [
        AssetEventRow(
            kind=AssetEventKind.PLANNED,
            deployment_id=run.deployment_id,
            asset_key=asset,
            partition_key=partition,
            run_id=run.id,
            at=run.created_at,
        )
        for asset in run.target_assets
        for partition in (target.partitions if asset in partitioned and target.partitions else (None,))
    ]
    catalog.apply(run.org_id, rows)


def _enqueue(run: Run) -> None:
    """Note its first status, as transitions.save does for those that follow, and wake the agents that may take it."""
    locked = lock_runs(run.org_id, [run.id])[run.id]
    locked.moves.append((RunStatus.QUEUED, locked.now))
    transitions.note_moves(run.org_id, [locked])
    transitions.announce(run.org_id, [locked])


def cancel_run(*, org_id: UUID, run_id: UUID, actor: Actor, noted: bool = True) -> Run:
    """Cancel a run in whatever state it is: one in the queue at once, one with an agent through that agent, one that failed and is to be
    retried by not retrying it. RunEndedError when it has ended otherwise; cancelling twice changes nothing.
    """
    with org_scope(org_id):
        run = lock_runs(org_id, [run_id]).get(run_id)
        if run is None:
            raise NotFoundError(_NO_RUN)
        if run.ended and retry_verdicts.give_up(org_id, [run_id], f"{actor.label} cancelled it."):
            failed = Run.objects.for_org(org_id).get(id=run_id)
            if noted:
                audit_trail.note_cancel(failed, actor, before=run.status)
            return failed
        if run.ended:
            raise RunEndedError(f"The run has already ended, with {run.status}.")
        run.cancel_requested_by = run.cancel_requested_by or actor.label[:254]
        before = run.status
        if run.status == RunStatus.QUEUED:
            transitions.move(run, RunStatus.CANCELED, reason=reasons.canceled(actor.label))
        else:
            transitions.move(run, RunStatus.CANCELING)
        transitions.save(org_id, [run])
        canceled = Run.objects.for_org(org_id).get(id=run_id)
        if noted and before != RunStatus.CANCELING:
            audit_trail.note_cancel(canceled, actor, before=before)
        return canceled


def reexecute_run(*, org_id: UUID, run_id: UUID, from_failure: bool, actor: Actor, noted: bool = True) -> Run:
    """Request a run like this one; `from_failure` leaves out what it did already, and raises NotResumableError where that cannot be done
    correctly.
    """
    with org_scope(org_id):
        run = Run.objects.for_org(org_id).filter(id=run_id).first()
        if run is None:
            raise NotFoundError(_NO_RUN)
        request = rerun_request(run, from_failure=from_failure)
        return request_run(org_id=org_id, deployment_id=run.deployment_id, request=request, actor=actor, noted=noted)


_NO_RUN = "There is no such run."
