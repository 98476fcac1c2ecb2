"""`daggerboard branch`: branch deployments, by their name, pull request or branch."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from controlplane.cli.api_client import ApiClient
from controlplane.cli.checkout import Checkout, checkout_of, find_checkout
from controlplane.cli.errors import CommandError, ExitCode
from controlplane.cli.option_groups import Target
from controlplane.cli.options import PullRequest, Repository
from controlplane.cli.output import say_fields, say_json, say_table
from controlplane.cli.profile import load_profile


@dataclass(frozen=True)
class Which:
    """One branch deployment: exactly one of name, pull request and branch. A repository tells same numbers of several apart."""

    name: Annotated[str | None, typer.Argument(help="The branch deployment, when not given by --pr or --branch.")] = (
        None
    )
    pr: PullRequest = None
    branch: Annotated[str | None, typer.Option("--branch", help="The one of this branch.")] = None
    repository: Repository = None


def deployment_for(target: Target) -> str | None:
    """Its name; None where the usual one is meant. CommandError when it is named in two ways, or a pull request has none."""
    if target.pr is None:
        return target.deployment
    if target.deployment:
        raise CommandError("Give either --deployment or --pr.", exit_code=ExitCode.USAGE)
    with ApiClient(load_profile()) as client:
        return str(find_branch(client, Which(pr=target.pr, repository=target.repository))["name"])


def find_branch(client: ApiClient, which: Which) -> dict[str, Any]:
    """The branch deployment; CommandError when there is none, or several."""
    if sum(value is not None for value in (which.name, which.pr, which.branch)) != 1:
        raise CommandError("Name one branch deployment: by its NAME, --pr or --branch.", exit_code=ExitCode.USAGE)
    path = f"{client.profile.organization_path}/branch-deployments/"
    if which.name:
        found: dict[str, Any] = client.get(f"{path}{which.name}/")
        return found
    asked = {"pull_request": which.pr, "branch": which.branch, "repository": which.repository}
    branches = list(client.pages(path, **asked))
    if len(branches) > 1 and which.repository is None:
        here = find_checkout(Path()).repository
        branches = [branch for branch in branches if branch["repository"] == here] or branches
    what = f"pull request {which.pr}" if which.pr is not None else f"branch {which.branch}"
    if not branches:
        raise CommandError(f"There is no branch deployment of {what}.", exit_code=ExitCode.NOT_FOUND)
    if len(branches) > 1:
        names = ", ".join(f"{branch['name']} ({branch['repository']})" for branch in branches)
        # One repository may have several of a branch, but one only of a pull request.
        way = (
            "Give --repository"
            if which.pr is not None
            else f"Give a name instead of --branch, such as {branches[0]['name']}"
        )
        raise CommandError(f"Several are of {what}: {names}. {way}.", exit_code=ExitCode.USAGE)
    return branches[0]


def list_branches(*, states: list[str], repository: str | None, as_json: bool) -> None:
    """All that may be entered, by name; without those that ended, unless their states are asked for."""
    with ApiClient(load_profile()) as client:
        path = f"{client.profile.organization_path}/branch-deployments/"
        found = list(client.pages(path, state=states, repository=repository))
    if as_json:
        say_json(found)
        return
    say_table(
        ("NAME", "STATE", "BASE", "REPOSITORY", "PULL REQUEST", "BRANCH", "EXPIRES"),
        (
            [
                branch["name"],
                branch["state"],
                branch["base"],
                branch["repository"],
                branch["pull_request"] or "",
                branch["branch"],
                (branch["expires_at"] or "never")[:16].replace("T", " "),
            ]
            for branch in found
        ),
        empty="There is no branch deployment. Open one: daggerboard branch open",
    )


def open_branch(*, pr: int | None, branch: str | None, repository: str | None, base: str | None, as_json: bool) -> None:
    """Make or update the branch deployment of the branch that is checked out here, or of the named one."""
    profile = load_profile(deployment=base)
    checkout = _checkout(branch, repository)
    checkout = replace(checkout, pull_request=pr) if pr is not None else checkout
    if not checkout.repository or not checkout.branch:
        raise CommandError("Give --repository and --branch: git does not say them here.", exit_code=ExitCode.USAGE)
    if checkout.pull_request is not None and not checkout.pull_request_status:
        checkout = replace(checkout, pull_request_status="OPEN")
    with ApiClient(profile) as client:
        body = checkout.branch_json(base=profile.deployment)
        made = client.post(f"{profile.organization_path}/branch-deployments/", body)
    say_branch(made, as_json=as_json)


def _checkout(branch: str | None, repository: str | None) -> Checkout:
    """What is known of that branch. Of another repository git here knows nothing; of another branch, not what HEAD says."""
    here = find_checkout(Path())
    if repository is not None and here.repository and repository != here.repository:
        return Checkout(repository=repository, branch=branch or "")
    here = replace(here, repository=repository or here.repository)
    if branch is None or branch == here.branch:
        return here
    try:
        return checkout_of(here, branch, Path())
    except ValueError as error:
        raise CommandError(str(error), exit_code=ExitCode.NOT_FOUND) from error


def act(which: Which, action: str, *, body: dict[str, Any] | None = None, as_json: bool) -> None:
    """extend, close, sleep, wake: and how the branch deployment is then."""
    with ApiClient(load_profile()) as client:
        path = f"{client.profile.organization_path}/branch-deployments/{find_branch(client, which)['name']}"
        say_branch(client.post(f"{path}/{action}/", body), as_json=as_json)


def approve(which: Which, *, sha: str | None, as_json: bool) -> None:
    """Approve the commit that waits. SECURITY: it is named, so that a push in between is not approved with it."""
    with ApiClient(load_profile()) as client:
        branch = find_branch(client, which)
        waiting = (branch["delivery"] or {}).get("awaits_approval", "")
        if not sha:
            raise CommandError(
                f"Look at the commit and name it: --sha {waiting}" if waiting else "Nothing of it waits for approval.",
                exit_code=ExitCode.USAGE,
            )
        path = f"{client.profile.organization_path}/branch-deployments/{branch['name']}/approve/"
        say_branch(client.post(path, {"sha": sha}), as_json=as_json)


def say_branch(branch: dict[str, Any], *, as_json: bool) -> None:
    """One branch deployment."""
    if as_json:
        say_json(branch)
        return
    names = ("name", "url", "state", "base", "repository", "pull_request", "branch", "head_sha", "expires_at")
    say_fields({name: branch[name] for name in names if branch[name] not in {None, ""}})
