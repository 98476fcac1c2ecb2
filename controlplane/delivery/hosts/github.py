"""GitHub and GitHub Enterprise Server, as an installed GitHub App (REST v3). Repositories are addressed by their number, which stays."""

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from controlplane.delivery.hosts.base import (
    CheckReport,
    CheckStatus,
    CommitFacts,
    HostDeploymentReport,
    HostGoneError,
    HostRefusedError,
    PullRequestFacts,
    RepositoryFacts,
)
from controlplane.delivery.hosts.github_app import GitHubApp
from controlplane.delivery.hosts.http import PER_PAGE, HostApi, default_outbound, path_part
from tenants.errors import TooLargeError
from tenants.outbound import Outbound

# What the app must be allowed, by the names of GitHub's API; docs/git-hosts.md lists them.
PERMISSIONS = {
    "checks": "write",
    "contents": "read",
    "deployments": "write",
    "metadata": "read",
    "pull_requests": "write",
    "statuses": "write",
}
# To which webhooks the app must be subscribed. Those about its installation come unasked.
EVENTS = ("check_run", "pull_request", "push", "repository")
_RANKS = {"read": 1, "write": 2, "admin": 3}
# GitHub's own limits.
_MAX_ANNOTATIONS = 50
_MAX_DESCRIPTION = 140
_MAX_SUMMARY = 65_535
_FILES_OF_A_COMPARISON = 300
_WRITERS = frozenset({"admin", "write"})
T = TypeVar("T")


class GitHubHost:
    """One installation of a GitHub App; see hosts/base.py."""

    shows_annotations = True

    def __init__(
        self, *, api_url: str, app_id: str, installation_id: str, private_key: str, outbound: Outbound | None = None
    ) -> None:
        self._app = GitHubApp(api_url, app_id, installation_id, private_key, outbound or default_outbound())

    def check(self) -> str:
        """Also compares the permissions of the installation with those that are needed: HostRefusedError names what is missing."""
        self._app.forget_token()
        app = self._app.as_app.get("/app")
        installed = self._app.installation()
        if installed.get("suspended_at"):
            raise HostRefusedError(
                "The installation of the app is suspended. Somebody of its account can resume it on GitHub."
            )
        given = installed.get("permissions", {})
        missing = [f"{name}: {level}" for name, level in PERMISSIONS.items() if not _reaches(given.get(name), level)]
        if missing:
            raise HostRefusedError(
                f"The app lacks permissions: {', '.join(missing)}. Set them on the app's settings page, then accept them at its installation."
            )
        self._ask(lambda api: api.get("/installation/repositories", per_page=1))
        return f"GitHub App {app['name']}, installed for {installed['account']['login']}"

    def repositories(self) -> Iterable[RepositoryFacts]:
        rows = self._ask(lambda api: list(api.pages("/installation/repositories", "repositories")))
        return [_repository(row) for row in rows]

    def repository(self, repository: str) -> RepositoryFacts:
        return _repository(self._get(repository, ""))

    def open_pull_requests(self, repository: str) -> Iterable[PullRequestFacts]:
        order = {"state": "open", "sort": "created", "direction": "asc"}
        rows = self._ask(lambda api: list(api.pages(_path(repository, "/pulls"), **order)))
        return [_pull_request(row) for row in rows]

    def pull_request(self, repository: str, number: int) -> PullRequestFacts:
        return _pull_request(self._get(repository, f"/pulls/{number}"))

    def branch_head(self, repository: str, branch: str) -> str:
        # Not /branches/<name>: that follows a renamed branch to its new name.
        ref = "/".join(map(path_part, branch.split("/")))
        return str(_known_commit(lambda: self._get(repository, f"/git/ref/heads/{ref}"))["object"]["sha"])

    def commit(self, repository: str, sha: str) -> CommitFacts:
        found = _known_commit(lambda: self._get(repository, f"/commits/{path_part(sha)}", per_page=1))
        author, committer = found["commit"]["author"] or {}, found["commit"]["committer"] or {}
        return CommitFacts(
            sha=found["sha"],
            message=found["commit"]["message"],
            author_name=author.get("name", ""),
            author_email=author.get("email", ""),
            committed_at=datetime.fromisoformat(committer["date"]),
        )

    def merge_base(self, repository: str, base: str, head: str) -> str:
        # A fork's commits are known in the repository it was forked from: they share their objects.
        return str(self._compared(repository, base, head, per_page=1)["merge_base_commit"]["sha"])

    def history(self, repository: str, sha: str, limit: int) -> list[str]:
        size = min(limit, PER_PAGE)
        found: list[str] = []
        for page in range(1, -(-limit // size) + 1):
            rows = _known_commit(
                partial(self._get, repository, "/commits", sha=sha, per_page=size, page=page),
            )
            found += [row["sha"] for row in rows]
            if len(rows) < size:
                break
        return found[:limit]

    def changed_files(self, repository: str, base: str, head: str) -> list[str]:
        compared = self._compared(repository, base, head, per_page=1)
        files = compared.get("files", [])
        # A comparison begins where the two parted, and ends at 300 files: otherwise the trees themselves tell.
        if compared["merge_base_commit"]["sha"] == base and len(files) < _FILES_OF_A_COMPARISON:
            return sorted({name for row in files for name in (row["filename"], row.get("previous_filename")) if name})
        before, after = self._tree(repository, base), self._tree(repository, head)
        return sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))

    def archive(self, repository: str, sha: str, max_bytes: int) -> bytes:
        return self._ask(lambda api: api.download(_path(repository, f"/tarball/{path_part(sha)}"), max_bytes))

    def find_comment(self, repository: str, number: int, words: str) -> str:
        rows = self._ask(lambda api: list(api.pages(_path(repository, f"/issues/{number}/comments"))))
        return next((str(row["id"]) for row in rows if words in row["body"]), "")

    def write_comment(self, repository: str, number: int, body: str, comment_id: str) -> str:
        if comment_id:
            try:
                return self._send("PATCH", repository, f"/issues/comments/{comment_id}", {"body": body})
            except HostGoneError:
                pass  # Somebody deleted it.
        return self._send("POST", repository, f"/issues/{number}/comments", {"body": body})

    def write_check(self, repository: str, report: CheckReport, check_id: str) -> str:
        if check_id:
            try:
                # GitHub adds annotations to those that are there: they are sent once.
                known = self._get(repository, f"/check-runs/{check_id}")
                told = bool(known["output"]["annotations_count"])
                return self._send("PATCH", repository, f"/check-runs/{check_id}", _check(report, annotate=not told))
            except HostGoneError:
                pass
        return self._send("POST", repository, "/check-runs", {"head_sha": report.sha, **_check(report, annotate=True)})

    def write_deployment(self, repository: str, report: HostDeploymentReport, deployment_id: str) -> str:
        if deployment_id:
            try:
                self._send("POST", repository, f"/deployments/{deployment_id}/statuses", _deployment_status(report))
            except HostGoneError:
                pass
            else:
                return deployment_id
        made = self._send("POST", repository, "/deployments", _deployment(report))
        self._send("POST", repository, f"/deployments/{made}/statuses", _deployment_status(report))
        return made

    def may_write(self, repository: str, login: str) -> bool:
        try:
            found = self._get(repository, f"/collaborators/{path_part(login)}/permission")
        except HostGoneError:
            return False
        # GitHub says `write` for the role maintain too.
        return found["permission"] in _WRITERS

    def _compared(self, repository: str, base: str, head: str, **query: int) -> Any:
        pair = f"{path_part(base)}...{path_part(head)}"
        return _known_commit(lambda: self._get(repository, f"/compare/{pair}", **query))

    def _tree(self, repository: str, sha: str) -> dict[str, str]:
        found = self._get(repository, f"/git/trees/{path_part(sha)}", recursive=1)
        if found["truncated"]:
            raise TooLargeError("The repository has too many files to compare: GitHub lists 100,000 at most.")
        return {row["path"]: row["sha"] + row["mode"] for row in found["tree"] if row["type"] != "tree"}

    def _get(self, repository: str, below: str, **query: str | int) -> Any:
        return self._ask(lambda api: api.get(_path(repository, below), **query))

    def _send(self, method: str, repository: str, below: str, body: dict[str, Any]) -> str:
        return str(self._ask(lambda api: api.send(method, _path(repository, below), body))["id"])

    def _ask(self, ask: Callable[[HostApi], T]) -> T:
        """Ask as the installation; once more when its token is no longer believed, which happens before it ends."""
        try:
            return ask(self._app.as_installation)
        except HostRefusedError as error:
            if not error.is_unauthenticated:
                raise
            self._app.forget_token()
            return ask(self._app.as_installation)


def _path(repository: str, below: str) -> str:
    return f"/repositories/{path_part(repository)}{below}"


def _known_commit(ask: Callable[[], T]) -> T:
    """GitHub answers 422 for a commit that it does not know, and 409 for an empty repository."""
    try:
        return ask()
    except HostRefusedError as error:
        if error.host_status in {409, 422}:
            raise HostGoneError(error.message) from error
        raise


def _reaches(given: str | None, wanted: str) -> bool:
    return _RANKS.get(given or "", 0) >= _RANKS[wanted]


def _repository(row: Any) -> RepositoryFacts:
    return RepositoryFacts(
        external_id=str(row["id"]),
        full_name=row["full_name"],
        default_branch=row["default_branch"],
        web_url=row["html_url"],
    )


def _pull_request(row: Any) -> PullRequestFacts:
    head, base = row["head"], row["base"]
    source = head["repo"]
    merged = row.get("merged_at") is not None
    return PullRequestFacts(
        number=row["number"],
        state="merged" if merged else row["state"],
        title=row["title"],
        url=row["html_url"],
        author=(row["user"] or {}).get("login", ""),
        head_sha=head["sha"],
        head_branch=head["ref"],
        head_repository=source["full_name"] if source else "",
        base_branch=base["ref"],
        # SECURITY: what came from a repository that is gone is a stranger's too.
        is_fork=source is None or source["id"] != base["repo"]["id"],
        labels=tuple(label["name"] for label in row["labels"]),
        updated_at=datetime.fromisoformat(row["updated_at"]),
    )


def _check(report: CheckReport, *, annotate: bool) -> dict[str, Any]:
    done = report.status not in {CheckStatus.QUEUED, CheckStatus.IN_PROGRESS}
    output: dict[str, Any] = {"title": report.title, "summary": report.summary[:_MAX_SUMMARY]}
    if done and annotate and report.annotations:
        output["annotations"] = [
            {
                "path": note.path,
                "start_line": note.line,
                "end_line": note.line,
                "annotation_level": "failure",
                "title": note.title,
                "message": note.message,
            }
            for note in report.annotations[:_MAX_ANNOTATIONS]
        ]
    return {
        "name": report.name,
        "details_url": report.details_url,
        "external_id": report.external_id,
        "status": "completed" if done else report.status.value,
        **({"conclusion": report.status.value} if done else {}),
        "output": output,
        "actions": [
            {"identifier": button.identifier, "label": button.label, "description": button.description}
            for button in report.buttons
        ],
    }


def _deployment(report: HostDeploymentReport) -> dict[str, Any]:
    return {
        # The commit, not the branch: that may have moved on.
        "ref": report.sha,
        "environment": report.environment,
        "description": report.description[:_MAX_DESCRIPTION],
        "transient_environment": True,
        "production_environment": False,
        # Not to merge the base into the branch, and not to wait for checks, of which this may be one.
        "auto_merge": False,
        "required_contexts": [],
    }


def _deployment_status(report: HostDeploymentReport) -> dict[str, Any]:
    addresses = {"environment_url": report.environment_url, "log_url": report.log_url}
    return {
        "state": report.state.value,
        "description": report.description[:_MAX_DESCRIPTION],
        "auto_inactive": False,
        **{name: address for name, address in addresses.items() if address},
    }
