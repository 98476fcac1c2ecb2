"""`daggerboard ci`: a deploy from CI in steps that share a state folder. init, build, set-build-output, deploy, status."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from controlplane.cli.api_client import ApiClient
from controlplane.cli.checkout import Checkout, find_checkout
from controlplane.cli.ci_state import BuildOutput, LocationState, Session, StateDir
from controlplane.cli.deploy import pack_all, report, send
from controlplane.cli.errors import CommandError, ExitCode
from controlplane.cli.loads import Load, failure_text, refuse_failures, wait_loads
from controlplane.cli.output import errors, say_fields, say_json, say_table
from controlplane.cli.profile import Profile, load_profile
from controlplane.cli.sources import deploy_body, load_project, upload_missing


@dataclass(frozen=True)
class Start:
    """What `ci init` was asked. `to` is full, branch, or auto: a pull request or another branch than the default one is a branch."""

    project_dir: Path
    to: str = "auto"
    file: str | None = None
    values: Sequence[str] = ()
    location_names: Sequence[str] = ()
    told: Checkout = field(default_factory=Checkout)
    status_url: str = ""


def init(state: StateDir, start: Start, *, deployment: str | None, as_json: bool) -> None:
    """Find out what is deployed where; make or update the branch deployment of a branch."""
    profile = load_profile(deployment=deployment)
    checkout = _told(find_checkout(start.project_dir), start.told)
    is_branch = checkout.is_of_branch if start.to == "auto" else start.to == "branch"
    ended = is_branch and checkout.has_ended
    project = None if ended else load_project(start.project_dir, file=start.file, values=start.values)
    name, url = profile.deployment, profile.deployment_url
    if is_branch:
        branch = _tell_branch(profile, checkout)
        name, url = branch["name"], branch["url"]
    session = Session(
        url=profile.url,
        organization=profile.organization,
        deployment=name,
        is_branch_deployment=is_branch,
        root=str(project.root) if project else "",
        file=project.file if project else "",
        deployment_url=url,
        ended=ended,
        status_url=start.status_url or checkout.status_url,
        checkout=checkout,
    )
    documents = project.locations if project else ()
    chosen = [d for d in documents if not start.location_names or d.name in start.location_names]
    if project:
        for named in start.location_names:
            project.location(named)
    state.begin(session, [LocationState(d.name, d).noted("pending", "initialized") for d in chosen])
    found = {"deployment": name, "url": url, "branch_deployment": is_branch, "locations": [d.name for d in chosen]}
    if as_json:
        say_json({**found, "ended": ended, "statedir": str(state.path)})
        return
    say_fields({**found, "locations": ", ".join(d.name for d in chosen) or "none"})
    if ended:
        errors.print("The pull request has ended, and so does its branch deployment.")


def set_build_output(state: StateDir, *, names: list[str], image: str, image_tag: str, as_json: bool) -> None:
    """Note the image that something else built: a whole name, or a tag in the registry of the location's build."""
    if bool(image) == bool(image_tag):
        raise CommandError("Give either --image or --image-tag.", exit_code=ExitCode.USAGE)
    found = []
    for location in state.locations(names):
        registry = location.document.build.registry
        if image_tag and not registry:
            raise CommandError(
                f"{location.location_name} has no build registry for the tag. Name one in its build, or give --image.",
                exit_code=ExitCode.USAGE,
            )
        output = BuildOutput("docker", image=image or f"{registry}:{image_tag}")
        found.append(state.save(location.noted("pending", f"image {output.image}", build_output=output)))
    _say_locations(state, found, as_json=as_json)


def pack(state: StateDir, locations: list[LocationState]) -> list[LocationState]:
    """Pack and upload the source of these locations."""
    session = state.session()
    archives = pack_all(Path(session.root), [location.document for location in locations])
    with ApiClient(_profile(session)) as client:
        upload_missing(client, {archive.sha256: archive for archive in archives.values()})
    done = []
    for location in locations:
        sha256 = archives[location.location_name].sha256
        output = BuildOutput("source", sha256=sha256)
        done.append(state.save(location.noted("pending", f"packed as {sha256[:12]}", build_output=output)))
    return done


def deploy(state: StateDir, *, names: list[str], sync: bool, seconds: float, as_json: bool) -> None:
    """Deploy what was built, together, and wait until it is loaded."""
    session = state.session()
    locations = state.locations(names)
    if session.ended or not locations:
        _say_nothing(session, as_json=as_json)
        return
    _require_built(locations)
    with ApiClient(_profile(session)) as client:
        bodies = [_body(session, location) for location in locations]
        try:
            loads = send(client, bodies, sync=sync, sha=session.checkout.sha)
            wait_loads(client, loads, seconds=seconds)
        except CommandError as error:
            for location in locations:
                state.save(location.noted("failed", str(error)))
            raise
        for location, load in zip(locations, loads, strict=True):
            state.save(_noted_load(location, load))
        report(client, loads, url=session.deployment_url, as_json=as_json)
    refuse_failures(loads)


def status(state: StateDir, *, as_json: bool) -> None:
    """How each location stands."""
    _say_locations(state, state.locations(), as_json=as_json)


def _say_locations(state: StateDir, locations: list[LocationState], *, as_json: bool) -> None:
    session = state.session()
    if as_json:
        found = [
            {"name": one.location_name, "status": one.status, "log": one.history[-1].log if one.history else ""}
            | ({"image": one.build_output.image, "sha256": one.build_output.sha256} if one.build_output else {})
            for one in locations
        ]
        say_json({"deployment": session.deployment, "url": session.deployment_url, "locations": found})
        return
    rows = (
        (one.location_name, one.status, one.history[-1].log.splitlines()[0] if one.history else "") for one in locations
    )
    say_table(("CODE LOCATION", "STATUS", "WHAT"), rows, empty="There is nothing to deploy.")


def _tell_branch(profile: Profile, checkout: Checkout) -> dict[str, Any]:
    if not checkout.repository or not checkout.branch:
        raise CommandError(
            "A branch deployment needs a repository and a branch, and neither CI nor git says them here. "
            "Give --repository and --branch, or deploy to the full deployment with --to full.",
            exit_code=ExitCode.USAGE,
        )
    path = f"{profile.organization_path}/branch-deployments/"
    with ApiClient(profile) as client:
        asked = {"repository": checkout.repository, "pull_request": checkout.pull_request}
        if checkout.has_ended and not any(client.pages(path, **asked)):
            # It never had one: nothing is left to close.
            return {"name": "", "url": ""}
        branch: dict[str, Any] = client.post(path, checkout.branch_json(base=profile.deployment))
    return branch


def _told(found: Checkout, told: Checkout) -> Checkout:
    """What was found, with what the command line says over it."""
    said = {name: value for name, value in told.__dict__.items() if value}
    return replace(found, **said)


def _profile(session: Session) -> Profile:
    return replace(load_profile(deployment=session.deployment), url=session.url, organization=session.organization)


def _require_built(locations: list[LocationState]) -> None:
    missing = [location.location_name for location in locations if location.build_output is None]
    if missing:
        raise CommandError(
            f"Nothing was built for {', '.join(missing)}. Run `daggerboard ci build`, or `ci set-build-output` for an image.",
            exit_code=ExitCode.USAGE,
        )


def _body(session: Session, location: LocationState) -> dict[str, Any]:
    output = location.build_output
    assert output is not None, "asked before"
    document = replace(location.document, image=output.image or None)
    return deploy_body(document, session.checkout, source_sha256=output.sha256)


def _noted_load(location: LocationState, load: Load) -> LocationState:
    kept = {key: load.version[key] for key in ("id", "number", "state", "phases", "counts")}
    if load.state == "failed":
        return location.noted("failed", failure_text(load.name, load.version), version=kept)
    return location.noted("success", f"version {load.version['number']} is loaded", version=kept)


def _say_nothing(session: Session, *, as_json: bool) -> None:
    if as_json:
        say_json({"deployment": session.deployment, "url": session.deployment_url, "locations": []})
    else:
        errors.print("There is nothing to deploy.")
