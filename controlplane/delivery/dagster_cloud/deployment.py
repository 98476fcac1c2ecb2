"""Deployments by name, and the branch deployment of a branch."""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from django.db.models import Q

from controlplane.delivery.branches import ci as ci_branches
from controlplane.delivery.branches import closing
from controlplane.delivery.branches.bases import base_for
from controlplane.delivery.branches.serializers import TellBranchSerializer
from controlplane.delivery.dagster_cloud.caller import Caller, here
from controlplane.deployments import selectors
from controlplane.deployments.branches import BranchFacts
from controlplane.deployments.models import BranchDeployment, Deployment, DeploymentKind
from tenants.access import Access
from tenants.errors import ConflictError, InvalidError, NotFoundError
from tenants.permissions import Permission
from tenants.scoping import org_scope

# Of what is kept of a commit's message.
_TITLE_MAX, _MESSAGE_MAX = 300, 5000
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
    """The name of the branch deployment of this branch, its newest pull request's where there are several; None when there is none.

    InvalidError when repositories of several owners have this name, and no owner is said.
    """
    named = (
        Q(repository=repo_name)
        if "/" in repo_name
        else Q(repository=repo_name) | Q(repository__endswith=f"/{repo_name}")
    )
    rows = (
        BranchDeployment.objects.for_org(caller.org_id).filter(named, branch=branch_name).select_related("deployment")
    )
    found = [row for row in rows.order_by("-deployment_id") if caller.access.may_enter(row.deployment.place)]
    repositories = sorted({row.repository for row in found})
    if len(repositories) > 1:
        raise InvalidError(f"Say which repository: {' or '.join(repositories)}.")
    return found[0].deployment.name if found else None


def create_or_update_branch(
    caller: Caller,
    branch_data: dict[str, Any],
    commit: dict[str, Any],
    base_deployment_name: str | None = None,
    snapshot_base_condition: str | None = None,  # noqa: ARG001 - the name is the client's; it changes nothing, see below
) -> dict[str, Any]:
    """The branch deployment of a pull request, or of a branch without one; ended when its pull request is.

    What it is compared with is always the base where the branch left it, whatever `snapshot_base_condition` asks for.
    """
    facts = _facts(branch_data, commit)
    with org_scope(caller.org_id):
        parent = base_for(caller.access, facts, base_deployment_name or "")
    branch = ci_branches.create_or_update(org_id=caller.org_id, parent=parent, facts=facts, actor=caller.access.actor)
    return _document(branch.deployment)


def delete(caller: Caller, deployment_id: int) -> dict[str, Any]:
    """Begin the end of a branch deployment, as when its pull request is closed. What the client does not ask: a full one is not touched."""
    with org_scope(caller.org_id):
        deployment = by_number(caller.access, deployment_id)
        caller.access.at(deployment.place).require(Permission.BRANCH_DEPLOYMENT_WRITE)
    if deployment.kind != DeploymentKind.BRANCH:
        raise InvalidError(
            f"{deployment.name} is a full deployment. Those are deleted on their pages, or with the REST API."
        )
    actor = caller.access.actor
    closing.close(
        org_id=caller.org_id,
        deployment_id=deployment.id,
        reason=f"Deleted with dagster-cloud by {actor.label}.",
        actor=actor,
    )
    return _document(deployment)


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


def _facts(branch: dict[str, Any], commit: dict[str, Any]) -> BranchFacts:
    """As REST reads them; InvalidError says what does not fit."""
    told = {
        "repository": _repository(branch),
        "branch": branch["branchName"],
        "branch_url": branch.get("branchUrl") or "",
        "pull_request": branch.get("pullRequestNumber") or None,
        "pull_request_url": branch.get("pullRequestUrl") or "",
        "pull_request_status": (branch.get("pullRequestStatus") or "").upper(),
        "title": (commit.get("commitMessage") or "").partition("\n")[0][:_TITLE_MAX],
        "head_sha": commit["commitHash"],
        "git": {
            "branch": branch["branchName"],
            "message": (commit.get("commitMessage") or "")[:_MESSAGE_MAX],
            "timestamp": commit["timestamp"],
            "author_name": commit.get("authorName") or "",
            "author_email": commit.get("authorEmail") or "",
            "author_avatar_url": commit.get("authorAvatarUrl") or "",
        },
    }
    asked = TellBranchSerializer(data=told)
    if not asked.is_valid():
        raise InvalidError("; ".join(_problems(asked.errors)))
    return TellBranchSerializer.facts(asked.validated_data)


def _repository(branch: Mapping[str, Any]) -> str:
    """`owner/name`. In GitLab CI the client says the name alone, which other groups may have too: the addresses tell the rest."""
    name: str = branch["repoName"]
    for url in (branch.get("pullRequestUrl"), branch.get("branchUrl")):
        path = urlsplit(url or "").path.partition("/-/")[0].strip("/")
        if "/" not in name and path.endswith(f"/{name}"):
            return path
    return name


def _problems(errors: Any, place: str = "") -> Iterator[str]:
    if isinstance(errors, Mapping):
        for name, found in errors.items():
            yield from _problems(found, f"{place}.{name}" if place else str(name))
    else:
        yield from (f"{place}: {problem}" for problem in errors)
