"""What user code asks through `context.instance`: docs/code-worker.md, Reads. Every answer stays within one deployment."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

import msgspec

from agent.protocol import Read
from controlplane.deployments.models import LocationVersion
from controlplane.runs import (
    instance_assets,
    instance_check_partitions,
    instance_checks,
    instance_freshness,
    instance_partitions,
    instance_pools,
    instance_run_events,
    instance_runs,
    instance_writes,
)
from controlplane.runs.instance_scope import Scope
from controlplane.runs.models import RunAttempt
from controlplane.runs.refs import understood
from controlplane.runs.states import AttemptState
from tenants.errors import ConflictError, InvalidError, NotFoundError
from tenants.scoping import org_scope


class FencedError(ConflictError):
    """The attempt is not this agent's any more."""

    code = "fenced"


Method = tuple[type[msgspec.Struct], Callable[[Scope, Any], Any]]
METHODS: dict[str, Method] = {
    **instance_assets.METHODS,
    **instance_partitions.METHODS,
    **instance_checks.METHODS,
    **instance_check_partitions.METHODS,
    # Dagster's get_freshness_state_records: kept by catalog.freshness_sweep; conditions on freshness read it here.
    **instance_freshness.METHODS,
    **instance_pools.METHODS,
    **instance_runs.METHODS,
    **instance_run_events.METHODS,
    **instance_writes.METHODS,
}


def register(methods: Mapping[str, Method]) -> None:
    """Answer these too: methods of layers above this one, added when their app is ready."""
    METHODS.update(methods)


def answer(org_id: UUID, read: Read) -> Any:
    """The answer as plain JSON. NotFoundError for a run or version that is not there, FencedError for an attempt that was given up."""
    with org_scope(org_id):
        return answer_within(lambda: _scope(org_id, read), read.method, read.args)


def answer_within(scope: Callable[[], Scope], method: str, args: Any) -> Any:
    """The same for who says which deployment is seen. Call it inside org_scope."""
    if method not in METHODS:
        raise InvalidError(
            f"This control plane cannot answer {method}. The code worker may be newer than it is.", attr="method"
        )
    arguments, handle = METHODS[method]
    try:
        given = msgspec.convert(args, arguments)
    except msgspec.ValidationError as error:
        raise InvalidError(f"{method}: {error}", attr="args") from error
    return handle(scope(), given)


def _scope(org_id: UUID, read: Read) -> Scope:
    if read.run is not None:
        return _scope_of_run(org_id, read)
    try:
        version_id = UUID(read.version_id or "")
    except ValueError as error:
        raise InvalidError("A read names an attempt or a location version.", attr="run") from error
    found = LocationVersion.objects.for_org(org_id).filter(id=version_id).select_related("location").first()
    if found is None:
        raise NotFoundError("There is no such location version.")
    return Scope(org_id, found.location.deployment_id)


def _scope_of_run(org_id: UUID, read: Read) -> Scope:
    assert read.run is not None  # the caller has looked
    ref = understood(read.run)
    attempts = RunAttempt.objects.for_org(org_id)
    found = attempts.filter(run_id=ref.run_id, attempt=ref.attempt, epoch=ref.epoch).first() if ref else None
    if found is None or ref is None:
        raise NotFoundError("There is no such attempt.")
    if found.state == AttemptState.FENCED or str(found.agent_id) != read.agent_id:
        raise FencedError
    return Scope.of_run(org_id, ref.run_id)
