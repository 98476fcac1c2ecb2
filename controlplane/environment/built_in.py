"""The variables that Daggerboard sets, under Dagster+'s names, so that code written for it runs, and under ours.

What a push changes comes from the version, so that a code location that no push touched stays as it is, and its processes go on.
"""

from controlplane.deployments.models import CodeLocation, Deployment, DeploymentKind, LocationVersion
from controlplane.environment.branch_facts import BranchContext

# Changes while code stays the same: code that is loaded already goes on with the one it was loaded with.
FLEETING = frozenset({"DAGSTER_CLOUD_PULL_REQUEST_STATUS", "DAGGERBOARD_PULL_REQUEST_STATUS"})
# Text of a commit is anybody's. The kernel takes 128 KiB for one variable, and all of them share a few MiB.
_MAX_TEXT = 4000

_Named = dict[tuple[str, ...], str]


def built_in(
    deployment: Deployment, location: CodeLocation, version: LocationVersion | None, context: BranchContext | None
) -> dict[str, str]:
    """What every process of the location gets; what is not known is absent. `context` of a branch deployment."""
    commit, repository = (version.git_commit, version.git_url) if version is not None else ("", "")
    named: _Named = {
        ("DAGSTER_CLOUD_DEPLOYMENT_NAME", "DAGGERBOARD_DEPLOYMENT"): deployment.name,
        ("DAGSTER_CLOUD_LOCATION_NAME", "DAGSTER_LOCATION_NAME", "DAGGERBOARD_CODE_LOCATION"): location.name,
        ("DAGSTER_CLOUD_GIT_SHA", "DAGGERBOARD_GIT_SHA"): commit,
        ("DAGSTER_CLOUD_GIT_URL", "DAGSTER_CLOUD_RAW_GIT_URL", "DAGGERBOARD_GIT_URL"): repository,
    }
    if deployment.kind == DeploymentKind.BRANCH:
        named[("DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT", "DAGGERBOARD_IS_BRANCH_DEPLOYMENT")] = "1"
        named |= _of_commit(version) | (_of_branch(context) if context is not None else {})
    return {name: _plain(value) for alike, value in named.items() if _plain(value) for name in alike}


def _of_commit(version: LocationVersion | None) -> _Named:
    git = version.git if version is not None else {}
    timestamp = git.get("timestamp")
    return {
        _both("GIT_MESSAGE"): str(git.get("message", "")),
        _both("GIT_TIMESTAMP"): f"{timestamp:.0f}" if isinstance(timestamp, int | float) else "",
        _both("GIT_AUTHOR_NAME"): str(git.get("author_name", "")),
        _both("GIT_AUTHOR_EMAIL"): str(git.get("author_email", "")),
    }


def _of_branch(context: BranchContext) -> _Named:
    branch = context.branch
    has_request = branch.pull_request is not None
    return {
        _both("GIT_BRANCH"): branch.branch,
        _both("GIT_REPO"): branch.repository,
        _both("PULL_REQUEST_ID"): str(branch.pull_request) if has_request else "",
        _both("PULL_REQUEST_STATUS"): branch.pull_request_status if has_request else "",
        # The full deployment whose data the branch may read.
        ("DAGGERBOARD_BASE_DEPLOYMENT",): context.base,
    }


def _both(name: str) -> tuple[str, str]:
    return f"DAGSTER_CLOUD_{name}", f"DAGGERBOARD_{name}"


def _plain(text: str) -> str:
    """As an environment variable can hold it."""
    return text.replace("\0", "").encode(errors="replace").decode()[:_MAX_TEXT]
