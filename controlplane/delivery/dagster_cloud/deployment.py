"""Deployments by name, and the branch deployment of a branch."""

import hashlib
from typing import Any

from controlplane.delivery.dagster_cloud.caller import Caller, here
from controlplane.deployments import branches, selectors
from controlplane.deployments.branches import BranchFacts
from controlplane.deployments.git_facts import GitFacts
from controlplane.deployments.models import BranchDeployment, Deployment, DeploymentKind, PullRequestStatus
from tenants.access import Access
from tenants.errors import ConflictError, InvalidError, NotFoundError
from tenants.grants import Place
from tenants.ids import uuid7
from tenants.permissions import Permission

# The base of a branch that names none, where there are several full deployments: what Dagster's documentation calls the first one.
_USUAL_BASE = "prod"
# GraphQL's Int has 32 bits with a sign.
_NUMBER_MASK = 0x7FFF_FFFF


def current(caller: Caller) -> dict[str, Any]:
    """The deployment that the request names."""
    found = caller.here
    found.access.require(Permission.DEPLOYMENT_READ)
    return _document(found.deployment)


def full_deployments(caller: Caller) -> list[dict[str, Any]]:
    """The full deployments that the caller may enter, by name."""
    return [_document(found) for found in _enterable(caller.access) if found.kind == DeploymentKind.FULL]


def by_name(caller: Caller, name: str) -> dict[str, Any]:
    """One deployment."""
    try:
        found = here(caller.access, name)
    except NotFoundError as error:
        return {"__typename": "DeploymentNotFoundError", "message": error.message}
    found.access.require(Permission.DEPLOYMENT_READ)
    return _document(found.deployment)


def branch_name(caller: Caller, repo_name: str, branch_name: str) -> str | None:
    """The name of the branch deployment of this branch, its newest pull request's where there are several; None when there is none."""
    rows = BranchDeployment.objects.for_org(caller.org_id).filter(repository=repo_name, branch=branch_name)
    for row in rows.select_related("deployment").order_by("-deployment_id"):
        if caller.access.may_enter(row.deployment.place):
            return row.deployment.name
    return None


def create_or_update_branch(
    caller: Caller,
    branch_data: dict[str, Any],
    commit: dict[str, Any],
    base_deployment_name: str | None = None,
    snapshot_base_condition: str | None = None,  # noqa: ARG001 - the name is the client's; it changes nothing, see below
) -> dict[str, Any]:
    """The branch deployment of a pull request, or of a branch without one.

    What it is compared with is always the base where the branch left it, whatever `snapshot_base_condition` asks for.
    """
    parent = _base(caller.access, base_deployment_name)
    of_parent = Place(id=uuid7(), is_branch=True, parent_id=parent.id)
    caller.access.at(of_parent).require(Permission.BRANCH_DEPLOYMENT_WRITE)
    facts = _facts(branch_data, commit)
    branch = branches.ensure_branch(org_id=caller.org_id, parent=parent, facts=facts, actor=caller.access.actor)
    return _document(branch.deployment)


def number(deployment: Deployment) -> int:
    """The client names what it deletes by a number; ours are UUIDs. Two could have the same, so whoever looks one up must say so."""
    return int.from_bytes(hashlib.sha256(deployment.id.bytes).digest()[:4], "big") & _NUMBER_MASK


def by_number(access: Access, wanted: int) -> Deployment:
    """The deployment with this number; ConflictError when there are two, so that never the wrong one is meant."""
    found = [one for one in _enterable(access) if number(one) == wanted]
    if not found:
        raise NotFoundError("There is no such deployment, or you may not know of it.")
    if len(found) > 1:
        names = " and ".join(one.name for one in found)
        raise ConflictError(f"The client's number means both {names}. Use the pages or the REST API for these.")
    return found[0]


def _enterable(access: Access) -> list[Deployment]:
    return selectors.deployments_for(access)


def _document(deployment: Deployment) -> dict[str, Any]:
    is_branch = deployment.kind == DeploymentKind.BRANCH
    return {
        "__typename": "DagsterCloudDeployment",
        "deploymentName": deployment.name,
        "deploymentId": number(deployment),
        "deploymentType": "BRANCH" if is_branch else "PRODUCTION",
        "agentType": "HYBRID",
    }


def _base(access: Access, name: str | None) -> Deployment:
    if name:
        return here(access, name).deployment
    full = [found for found in _enterable(access) if found.kind == DeploymentKind.FULL]
    usual = [found for found in full if found.name == _USUAL_BASE] or full
    if len(usual) != 1:
        raise InvalidError(
            "Name the full deployment that the branch belongs to: --base-deployment-name, or --deployment of `ci init`."
        )
    return usual[0]


def _facts(branch: dict[str, Any], commit: dict[str, Any]) -> BranchFacts:
    text = {name: str(value or "") for name, value in (*branch.items(), *commit.items())}
    return BranchFacts(
        repository=text["repoName"],
        branch=text["branchName"],
        pull_request=_pull_request(text.get("pullRequestNumber", "")),
        pull_request_status=_status(text.get("pullRequestStatus", "")),
        pull_request_url=text.get("pullRequestUrl", ""),
        branch_url=text.get("branchUrl", ""),
        title=text.get("commitMessage", "").partition("\n")[0],
        head_sha=text["commitHash"],
        git=GitFacts(
            branch=text["branchName"],
            message=text.get("commitMessage", ""),
            timestamp=commit["timestamp"],
            author_name=text.get("authorName", ""),
            author_email=text.get("authorEmail", ""),
            author_avatar_url=text.get("authorAvatarUrl", ""),
        ),
    )


def _pull_request(text: str) -> int | None:
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or int(text) > _NUMBER_MASK:
        raise InvalidError(f"The number of a pull request is digits, not {text[:50]!r}.")
    return int(text)


def _status(text: str) -> str:
    if text and text.upper() not in PullRequestStatus.values:
        raise InvalidError(f"A pull request is {', '.join(PullRequestStatus.values)}; not {text[:50]!r}.")
    return text.upper()
