"""From a request to what will run: the code location, the selection in it, and the partitions, all checked."""

from dataclasses import dataclass
from uuid import UUID

from controlplane.catalog import current_partitions
from controlplane.definitions.asset_keys import to_parts, to_text
from controlplane.deployments import selectors as deployments
from controlplane.deployments.current_definitions import DeploymentDefinitions, LocationDefinitions
from controlplane.runs.event_bounds import KEY_BYTES
from controlplane.runs.requests import RANGE_END_TAG, RANGE_START_TAG, RunRequest
from controlplane.runs.selection import Selection, resolve
from tenants.errors import InvalidError, NotFoundError


@dataclass(frozen=True)
class Target:
    """A checked request: where it runs, what of it, which partitions it makes (none: unpartitioned), and the tags these add."""

    found: LocationDefinitions
    selection: Selection
    partitions: list[str]
    partition_tags: dict[str, str]


def find_target(*, org_id: UUID, deployment_id: UUID, request: RunRequest) -> Target:
    """Resolve a request against the definitions that serve now; InvalidError or NotFoundError says what is wrong."""
    definitions = deployments.definitions(org_id, deployment_id)
    found = location_of(definitions, request)
    selection = resolve(
        found.manifest, job_name=request.job, assets=request.assets, checks=request.checks, ops=request.ops
    )
    partitions, tags = _partitions(org_id, deployment_id, found, selection, request)
    return Target(found, selection, partitions, tags)


def location_of(definitions: DeploymentDefinitions, request: RunRequest) -> LocationDefinitions:
    """The code location that a request names, or that defines what it names."""
    if request.location:
        return definitions.location(request.location)
    if request.assets or request.checks:
        names = {_asset_location(definitions, key) for key in request.assets or ()}
        names |= {_check_location(definitions, check) for check in request.checks or ()}
        if len(names) > 1:
            there = ", ".join(sorted(names))
            raise InvalidError(f"These belong to several code locations ({there}); a run is of one.", attr="assets")
        return definitions.location(names.pop())
    holders = [name for name, found in definitions.by_location.items() if request.job in found.jobs]
    if request.job and len(holders) == 1:
        return definitions.location(holders[0])
    if request.job and not holders:
        raise NotFoundError(f"No code location defines a job {request.job}.")
    raise InvalidError(
        "Several code locations have this job: name the location." if request.job else _NOTHING, attr="location"
    )


_NOTHING = "Say what to run: a job, assets or checks."


def _asset_location(definitions: DeploymentDefinitions, key: str) -> str:
    try:
        return definitions.asset(to_text(to_parts(key))).location
    except ValueError as error:
        raise InvalidError(str(error), attr="assets") from error


def _check_location(definitions: DeploymentDefinitions, check: str) -> str:
    if check not in definitions.check_locations:
        raise NotFoundError(f"No code location defines the asset check {check}.")
    return definitions.check_locations[check]


def _partitions(
    org_id: UUID, deployment_id: UUID, found: LocationDefinitions, selection: Selection, request: RunRequest
) -> tuple[list[str], dict[str, str]]:
    """The partitions to be made, and dagster's tags for them."""
    definition = partitions_definition(selection)
    if definition is None:
        if request.partition is not None:
            raise InvalidError("What this runs has no partitions: leave the partition out.", attr="partition")
        return [], {}
    keys = current_partitions.partitions(org_id, deployment_id, found.manifest, definition)
    if request.partition is not None:
        if not keys.has(request.partition):
            raise InvalidError(keys.refusal(request.partition), attr="partition")
        if len(request.partition.encode()) > KEY_BYTES:
            raise InvalidError(f"Keys of partitions that are run have {KEY_BYTES} bytes at most.", attr="partition")
        return [request.partition], keys.tags(request.partition)
    start, end = request.tags.get(RANGE_START_TAG), request.tags.get(RANGE_END_TAG)
    if start and end:
        return _range(keys, start, end), {}
    # One observation tells of every partition: dagster runs it without naming any.
    made = [asset for asset in selection.touched if asset.execution_type != "observation"]
    if made or selection.check_partitions:
        what = "assets" if made else "checks"
        raise InvalidError(f"These {what} are partitioned: say which partition to run.", attr="partition")
    return [], {}


def partitions_definition(selection: Selection) -> str | None:
    """The id of the one partitions definition of what is selected; None without partitions, InvalidError when there are several."""
    of_assets = {asset.partitions for asset in selection.touched if asset.partitions}
    ids = of_assets | selection.check_partitions
    # Dagster's own job of all assets has partitions where all that have any have the same; others in it have none for that.
    if not ids and not selection.job.implicit:
        ids = {selection.job.partitions} if selection.job.partitions else set()
    # Interned: equal definitions have one id.
    if len(ids) > 1:
        raise InvalidError("The selected assets have different partitions: run them separately.", attr="assets")
    return next(iter(ids)) if ids else None


def _range(keys: current_partitions.Partitions, start: str, end: str) -> list[str]:
    try:
        return keys.between(start, end)
    except ValueError as error:
        raise InvalidError(str(error), attr="tags") from error
