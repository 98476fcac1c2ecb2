"""What people and programs do with runs, within their rights. Views go through here; runs.services does it without asking.

A job that shows only in part is launched in part: what of it the caller sees. SECURITY: launching all of it would run what is hidden.
"""

from dataclasses import replace

from controlplane.definitions.asset_keys import check_parts, check_text, to_text
from controlplane.definitions.manifest import Job
from controlplane.deployments.current_definitions import LocationDefinitions
from controlplane.deployments.visibility import Visible
from controlplane.runs import services
from controlplane.runs.models import Run
from controlplane.runs.requests import RunRequest
from controlplane.runs.rerun import rerun_request
from controlplane.runs.selection import Selection, resolve
from controlplane.runs.targets import location_of
from controlplane.runs.visible_runs import require_on_run
from tenants.access import Actor
from tenants.errors import ForbiddenError
from tenants.permissions import Permission
from tenants.scoping import org_scope


def launch(visible: Visible, request: RunRequest, *, actor: Actor) -> Run:
    """`services.request_run` of what the caller may launch; as `permitted` where they may not."""
    asked = permitted(visible, request)
    return services.request_run(org_id=visible.org_id, deployment_id=visible.deployment_id, request=asked, actor=actor)


def launch_again(visible: Visible, run: Run, *, from_failure: bool, actor: Actor) -> Run:
    """Request a run like this one, which the caller sees; NotResumableError as `rerun_request`, otherwise as `launch`."""
    with org_scope(visible.org_id):
        request = rerun_request(run, from_failure=from_failure)
        return launch(visible, request, actor=actor)


def cancel(visible: Visible, run: Run, *, actor: Actor) -> Run:
    """`services.cancel_run` of a run that the caller sees; ForbiddenError where they may not cancel it."""
    require_on_run(visible, Permission.RUN_CANCEL, run)
    return services.cancel_run(org_id=visible.org_id, run_id=run.id, actor=actor)


def permitted(visible: Visible, request: RunRequest) -> RunRequest:
    """The request, which names what it means where the caller sees only a part of a job.

    NotFoundError or InvalidError about what they may not know of, as if it did not exist; ForbiddenError about what they see and may not
    launch, and about what would be computed together with it.
    """
    if visible.part(Permission.RUN_LAUNCH).is_everything:
        return request
    found = location_of(visible.known_definitions, request)
    seen = _resolved(found, request)
    name = found.location.name
    whole_job = visible.whole.job(name, seen.job.name)
    if not whole_job.assets and not whole_job.checks:
        visible.require(Permission.RUN_LAUNCH, location=name)
        return request
    asked = _in_part(found, seen.job, request) if _selects_all(request) and _is_cut(whole_job, seen.job) else request
    keys = _touched(_resolved(visible.whole.location(name), replace(asked, job=seen.job.name)), asked)
    hidden = [key for key in keys if not visible.known.has_asset(key)]
    if hidden:
        raise ForbiddenError(
            f"This needs the permission {Permission.RUN_LAUNCH} on everything that is computed together with what you selected."
        )
    visible.require(Permission.RUN_LAUNCH, assets=keys)
    return asked


def _resolved(found: LocationDefinitions, request: RunRequest) -> Selection:
    return resolve(found.manifest, job_name=request.job, assets=request.assets, checks=request.checks, ops=request.ops)


def _selects_all(request: RunRequest) -> bool:
    return request.assets is None and request.checks is None


def _is_cut(whole: Job, seen: Job) -> bool:
    return len(whole.assets) != len(seen.assets) or len(whole.checks) != len(seen.checks)


def _in_part(found: LocationDefinitions, job: Job, request: RunRequest) -> RunRequest:
    """All of the job that shows, by name. Checks of assets run with these."""
    runnable = {to_text(asset.key) for asset in found.manifest.assets if asset.is_executable}
    assets = [key for key in map(to_text, job.assets) if key in runnable]
    if assets:
        return replace(request, location=found.location.name, assets=assets)
    return replace(request, location=found.location.name, checks=[check_text(key, name) for key, name in job.checks])


def _touched(selection: Selection, request: RunRequest) -> list[str]:
    """Every asset that would be made, observed or checked."""
    checked = [to_text(check_parts(check)[0]) for check in selection.checks or ()]
    chosen = selection.assets
    if chosen is None or (not chosen and not checked and _selects_all(request)):
        chosen = [to_text(key) for key in selection.job.assets]
        checked = [to_text(asset) for asset, _name in selection.job.checks]
    return list(dict.fromkeys([*chosen, *checked, *selection.targets]))
