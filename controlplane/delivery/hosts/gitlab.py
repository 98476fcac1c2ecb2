"""GitLab (gitlab.com and self-managed), with an access token of a project, a group or a person (scope api)."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from controlplane.delivery.hosts.base import (
    CheckReport,
    CheckStatus,
    CommitFacts,
    HostDeploymentReport,
    HostDeploymentState,
    HostGoneError,
    HostRefusedError,
    PullRequestFacts,
    RepositoryFacts,
)
from controlplane.delivery.hosts.http import PER_PAGE, HostApi, default_outbound, path_part
from tenants.errors import TooLargeError
from tenants.outbound import Outbound

# Access levels of GitLab: whoever may push is a Developer at least.
_DEVELOPER = 30
# GitLab's own limits.
_MAX_DESCRIPTION = 255
# What its comparisons are cut at, unless the installation says more.
_FILES_OF_A_COMPARISON = 1000
# Twenty thousand files, a hundred at a time: beyond, a comparison of trees would take minutes.
_MAX_TREE_PAGES = 200
_STATES = {
    CheckStatus.QUEUED: "pending",
    CheckStatus.IN_PROGRESS: "running",
    CheckStatus.SUCCESS: "success",
    CheckStatus.FAILURE: "failed",
    CheckStatus.NEUTRAL: "skipped",
    CheckStatus.ACTION_REQUIRED: "pending",
}
_DEPLOYMENT_STATES = {
    HostDeploymentState.IN_PROGRESS: "running",
    HostDeploymentState.SUCCESS: "success",
    HostDeploymentState.FAILURE: "failed",
}


class GitLabHost:
    """One access token; see hosts/base.py."""

    shows_annotations = False

    def __init__(self, *, api_url: str, token: str, outbound: Outbound | None = None) -> None:
        self._api = HostApi("GitLab", api_url, lambda: {"PRIVATE-TOKEN": token}, outbound or default_outbound())

    def check(self) -> str:
        user = self._api.get("/user")
        scopes = self._api.get("/personal_access_tokens/self").get("scopes", [])
        if "api" not in scopes:
            raise HostRefusedError(
                f"The token has the scopes {', '.join(scopes) or 'none'}. Make one with the scope api: comments and statuses need it."
            )
        return f"GitLab user {user['username']}"

    def repositories(self) -> Iterable[RepositoryFacts]:
        rows = self._api.pages("/projects", membership="true", archived="false", min_access_level=_DEVELOPER)
        return [_repository(row) for row in rows if not _is_ending(row)]

    def repository(self, repository: str) -> RepositoryFacts:
        found = self._api.get(_path(repository, ""))
        if _is_ending(found):
            raise HostGoneError(f"The project {found['path_with_namespace']} is going to be deleted.")
        return _repository(found)

    def open_pull_requests(self, repository: str) -> Iterable[PullRequestFacts]:
        order = {"state": "opened", "order_by": "created_at", "sort": "asc"}
        return [self._pull_request(row) for row in self._api.pages(_path(repository, "/merge_requests"), **order)]

    def pull_request(self, repository: str, number: int) -> PullRequestFacts:
        return self._pull_request(self._api.get(_path(repository, f"/merge_requests/{number}")))

    def branch_head(self, repository: str, branch: str) -> str:
        found = self._api.get(_path(repository, f"/repository/branches/{path_part(branch)}"))
        return str(found["commit"]["id"])

    def commit(self, repository: str, sha: str) -> CommitFacts:
        found = self._api.get(_path(repository, f"/repository/commits/{path_part(sha)}"))
        return CommitFacts(
            sha=found["id"],
            message=found["message"].rstrip("\n"),
            author_name=found["author_name"],
            author_email=found["author_email"],
            committed_at=datetime.fromisoformat(found["committed_date"]),
        )

    def merge_base(self, repository: str, base: str, head: str) -> str:
        # A fork's commits are known in the project that they are offered to, by the ref of the merge request.
        found = self._api.get(
            _path(repository, f"/repository/merge_base?refs[]={path_part(base)}&refs[]={path_part(head)}")
        )
        return str(found["id"])

    def history(self, repository: str, sha: str, limit: int) -> list[str]:
        size = min(limit, PER_PAGE)
        found: list[str] = []
        for page in range(1, -(-limit // size) + 1):
            rows = self._api.get(_path(repository, "/repository/commits"), ref_name=sha, per_page=size, page=page)
            found += [row["id"] for row in rows]
            if len(rows) < size:
                break
        return found[:limit]

    def changed_files(self, repository: str, base: str, head: str) -> list[str]:
        pair = {"from": base, "to": head, "straight": "true"}
        compared = self._api.get(_path(repository, "/repository/compare"), **pair)
        if len(compared["diffs"]) < _FILES_OF_A_COMPARISON and not compared["compare_timeout"]:
            return sorted({path for row in compared["diffs"] for path in (row["old_path"], row["new_path"])})
        before, after = self._tree(repository, base), self._tree(repository, head)
        return sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))

    def archive(self, repository: str, sha: str, max_bytes: int) -> bytes:
        return self._api.download(_path(repository, "/repository/archive.tar.gz"), max_bytes, sha=sha)

    def find_comment(self, repository: str, number: int, words: str) -> str:
        order = {"sort": "asc", "order_by": "created_at"}
        rows = self._api.pages(_path(repository, f"/merge_requests/{number}/notes"), **order)
        return next((str(row["id"]) for row in rows if words in row["body"]), "")

    def write_comment(self, repository: str, number: int, body: str, comment_id: str) -> str:
        notes = _path(repository, f"/merge_requests/{number}/notes")
        if comment_id:
            try:
                return str(self._api.send("PUT", f"{notes}/{comment_id}", {"body": body})["id"])
            except HostGoneError:
                pass  # Somebody deleted it.
        return str(self._api.send("POST", notes, {"body": body})["id"])

    def write_check(self, repository: str, report: CheckReport, check_id: str) -> str:
        status = {
            "state": _STATES[report.status],
            "name": report.name,
            "target_url": report.details_url,
            "description": report.title[:_MAX_DESCRIPTION],
        }
        made = self._moved("POST", _path(repository, f"/statuses/{path_part(report.sha)}"), status)
        return str(made["id"]) if made else check_id or f"{report.sha}:{report.name}"[:50]

    def write_deployment(self, repository: str, report: HostDeploymentReport, deployment_id: str) -> str:
        found = self._deployment(repository, deployment_id)
        state = _DEPLOYMENT_STATES.get(report.state, "")
        if found is None:
            known = {"environment": report.environment, "sha": report.sha, "ref": report.ref, "tag": False}
            found = self._api.send("POST", _path(repository, "/deployments"), {**known, "status": state or "canceled"})
        elif state and state != found["status"]:
            self._moved("PUT", _path(repository, f"/deployments/{found['id']}"), {"status": state})
        environment = _path(repository, f"/environments/{found['environment']['id']}")
        if report.state == HostDeploymentState.INACTIVE:
            # Without its stop job, which is somebody's CI.
            self._api.send("POST", f"{environment}/stop", {"force": True})
        elif report.environment_url and found["environment"].get("external_url") != report.environment_url:
            self._api.send("PUT", environment, {"external_url": report.environment_url, "tier": "development"})
        return str(found["id"])

    def may_write(self, repository: str, login: str) -> bool:
        rows = self._api.get(_path(repository, "/members/all"), query=login, per_page=PER_PAGE)
        return any(
            row["username"] == login and row["access_level"] >= _DEVELOPER and row["state"] == "active" for row in rows
        )

    def _pull_request(self, row: Any) -> PullRequestFacts:
        source, target = row["source_project_id"], row["target_project_id"]
        # `group/project!5`, of the project that the merge request is offered to.
        own = row["references"]["full"].rsplit("!", maxsplit=1)[0]
        # While a merge request is being merged, it is locked.
        state = {"opened": "open", "locked": "open"}.get(row["state"], row["state"])
        return PullRequestFacts(
            number=row["iid"],
            state=state,
            title=row["title"],
            url=row["web_url"],
            author=(row["author"] or {}).get("username", ""),
            head_sha=row["sha"] or "",
            head_branch=row["source_branch"],
            head_repository=own if source == target else self._name_of(source),
            base_branch=row["target_branch"],
            # SECURITY: what came from a project that is gone is a stranger's too.
            is_fork=source != target,
            labels=tuple(row["labels"]),
            updated_at=datetime.fromisoformat(row["updated_at"]),
        )

    def _name_of(self, project: int | None) -> str:
        """Of a fork; empty when it was deleted, or is private to somebody else."""
        if project is None:
            return ""
        try:
            return str(self._api.get(_path(str(project), ""))["path_with_namespace"])
        except HostGoneError:
            return ""

    def _deployment(self, repository: str, deployment_id: str) -> Any:
        if not deployment_id:
            return None
        try:
            return self._api.get(_path(repository, f"/deployments/{deployment_id}"))
        except HostGoneError:
            return None

    def _moved(self, method: str, path: str, body: dict[str, Any]) -> Any:
        """Send a status; None when the thing has it already, which GitLab refuses."""
        try:
            return self._api.send(method, path, body)
        except HostRefusedError as error:
            if error.host_status == 400 and "Cannot transition status" in error.message:
                return None
            raise

    def _tree(self, repository: str, sha: str) -> dict[str, str]:
        found: dict[str, str] = {}
        path = _path(repository, "/repository/tree")
        for page in range(1, _MAX_TREE_PAGES + 1):
            rows = self._api.get(path, ref=sha, recursive="true", per_page=PER_PAGE, page=page)
            found |= {row["path"]: row["id"] + row["mode"] for row in rows if row["type"] != "tree"}
            if len(rows) < PER_PAGE:
                return found
        raise TooLargeError(f"The repository has more than {_MAX_TREE_PAGES * PER_PAGE} files, too many to compare.")


def _path(project: str, below: str) -> str:
    return f"/projects/{path_part(project)}{below}"


def _is_ending(row: Any) -> bool:
    return bool(row.get("marked_for_deletion_on") or row.get("marked_for_deletion_at"))


def _repository(row: Any) -> RepositoryFacts:
    return RepositoryFacts(
        external_id=str(row["id"]),
        full_name=row["path_with_namespace"],
        # A project without a commit has none.
        default_branch=row["default_branch"] or "main",
        web_url=row["web_url"],
    )
