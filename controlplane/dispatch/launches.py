"""From stored commands to the wire: the fields of each kind, and the run token that is made at delivery and stored nowhere."""

from typing import Any
from uuid import UUID

import msgspec
from django.conf import settings

from agent import protocol
from controlplane.definitions.asset_keys import check_parts, to_parts
from controlplane.dispatch.models import Command, CommandKind
from controlplane.dispatch.run_tokens import RunClaims, issue_run_token
from controlplane.runs.admission import ClaimedRun
from controlplane.runs.models import Run

_TYPES: dict[str, type[protocol.Command]] = {
    CommandKind.LAUNCH: protocol.Launch,
    CommandKind.CANCEL: protocol.Cancel,
    CommandKind.CALL: protocol.Call,
    CommandKind.RELOAD: protocol.Reload,
}


def launch_body(run: Run, claim: ClaimedRun, inputs: list[dict[str, Any]] | None) -> dict[str, Any]:
    """What is stored of a launch: everything but the token. `inputs` are the latest records of what it reads."""
    return {
        "version_id": str(claim.version_id),
        "spec": msgspec.to_builtins(run_spec(run, claim, inputs)),
        "start_timeout": settings.RUN_STARTING_TIMEOUT_SECONDS,
    }


def run_spec(run: Run, claim: ClaimedRun, inputs: list[dict[str, Any]] | None) -> protocol.RunSpec:
    """What the code worker needs to know of this attempt."""
    return protocol.RunSpec(
        run_id=str(run.id),
        attempt=claim.attempt,
        epoch=claim.epoch,
        job=run.job_name,
        asset_selection=None if run.asset_selection is None else [to_parts(key) for key in run.asset_selection],
        check_selection=None if run.check_selection is None else [check_parts(key) for key in run.check_selection],
        op_selection=run.op_selection,
        step_keys=run.step_keys,
        partition=run.partition_key,
        run_config=run.run_config,
        tags=run.tags,
        parent_run_id=str(run.parent_run_id) if run.parent_run_id else None,
        # A run that is nobody's re-execution has no group: dagster takes both ids or none.
        root_run_id=str(run.root_run_id) if run.parent_run_id else None,
        input_records=inputs,
    )


def on_the_wire(org_id: UUID, command: Command) -> protocol.Command:
    """The command as the agent gets it."""
    fields = {**command.body, "command_id": str(command.id)}
    if command.kind == CommandKind.LAUNCH:
        fields["run_token"] = issue_run_token(_claims(org_id, fields["spec"]))
    return msgspec.convert(fields, _TYPES[command.kind])


def _claims(org_id: UUID, spec: dict[str, Any]) -> RunClaims:
    return RunClaims(org_id=org_id, run_id=UUID(spec["run_id"]), attempt=spec["attempt"], epoch=spec["epoch"])
