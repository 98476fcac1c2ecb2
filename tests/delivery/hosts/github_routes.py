"""What the fake GitHub answers, route by route."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tests.delivery.hosts import github_payloads as payloads
from tests.delivery.hosts.git_folder import UnknownCommitError
from tests.delivery.hosts.host import Answered, Asked, Route, paged
from tests.delivery.hosts.repositories import Check, Comment, Deployed, FakeRepository

if TYPE_CHECKING:
    from tests.delivery.hosts.fake_github import FakeGitHub

Handler = Callable[["FakeGitHub", Asked], Answered]
ROUTES: tuple[Route, ...] = ()
_REPOSITORY = r"/repositories/(?P<repository>\d+)"
# As GitHub does it.
_COMPARED_FILES, _ANNOTATIONS, _DESCRIPTION = 300, 50, 140
_CONCLUSIONS = {"action_required", "cancelled", "failure", "neutral", "success", "skipped", "timed_out"}


def _route(method: str, pattern: str) -> Callable[[Handler], Handler]:
    def add(handler: Handler) -> Handler:
        global ROUTES  # noqa: PLW0603 - a table that this file builds from top to bottom
        ROUTES = (*ROUTES, (method, re.compile(pattern), handler))
        return handler

    return add


@_route("GET", "/app")
def _app(_host: "FakeGitHub", _asked: Asked) -> Answered:
    return Answered(body={"id": 4711, "slug": "daggerboard-of-acme", "name": "Daggerboard of Acme"})


@_route("GET", r"/app/installations/(?P<installation>\d+)")
def _installation(host: "FakeGitHub", asked: Asked) -> Answered:
    if not host.is_installed or asked.parts["installation"] != host.credential["installation_id"]:
        return host.not_found()
    suspended = "2026-01-01T00:00:00Z" if host.is_suspended else None
    account = payloads.user("acme")
    return Answered(body={"id": 815, "account": account, "permissions": host.permissions, "suspended_at": suspended})


@_route("POST", r"/app/installations/(?P<installation>\d+)/access_tokens")
def _token(host: "FakeGitHub", asked: Asked) -> Answered:
    if not host.is_installed or asked.parts["installation"] != host.credential["installation_id"]:
        return host.not_found()
    return host.new_token()


@_route("GET", "/installation/repositories")
def _repositories(host: "FakeGitHub", asked: Asked) -> Answered:
    found = [row for row in host.repositories.values() if row.is_reachable and not row.is_deleted]
    rows = [payloads.repository(row) for row in paged(asked, found)]
    return Answered(body={"total_count": len(found), "repositories": rows})


@_route("GET", _REPOSITORY)
def _repository(host: "FakeGitHub", asked: Asked) -> Answered:
    return _with_etag(asked, payloads.repository(host.reachable(asked)))


@_route("GET", _REPOSITORY + "/pulls")
def _pulls(host: "FakeGitHub", asked: Asked) -> Answered:
    found = host.reachable(asked).open_pulls()
    # The list has no `merged`, only `merged_at`.
    rows = [{k: v for k, v in payloads.pull_request(pull).items() if k != "merged"} for pull in paged(asked, found)]
    return Answered(body=rows)


@_route("GET", _REPOSITORY + r"/pulls/(?P<number>\d+)")
def _pull(host: "FakeGitHub", asked: Asked) -> Answered:
    return _with_etag(asked, payloads.pull_request(host.reachable(asked).pull_requests[int(asked.parts["number"])]))


@_route("GET", _REPOSITORY + r"/git/ref/heads/(?P<branch>.+)")
def _ref(host: "FakeGitHub", asked: Asked) -> Answered:
    branch = asked.parts["branch"]
    sha = host.reachable(asked).git.head(branch)
    return Answered(body={"ref": f"refs/heads/{branch}", "object": {"type": "commit", "sha": sha}})


@_route("GET", _REPOSITORY + r"/commits/(?P<sha>[^/]+)")
def _commit(host: "FakeGitHub", asked: Asked) -> Answered:
    git = host.reachable(asked).git
    try:
        return Answered(body=payloads.commit(git, git.sha(asked.parts["sha"])))
    except UnknownCommitError:
        return Answered(422, {"message": f"No commit found for SHA: {asked.parts['sha']}"})


@_route("GET", _REPOSITORY + "/commits")
def _commits(host: "FakeGitHub", asked: Asked) -> Answered:
    git = host.reachable(asked).git
    return Answered(body=[payloads.commit(git, sha) for sha in paged(asked, git.log(asked.word("sha", "main")))])


@_route("GET", _REPOSITORY + r"/compare/(?P<base>.+)\.\.\.(?P<head>.+)")
def _compare(host: "FakeGitHub", asked: Asked) -> Answered:
    git = host.reachable(asked).git
    base, head = git.sha(asked.parts["base"]), git.sha(asked.parts["head"])
    merge_base = git.merge_base(base, head)
    body = {
        "base_commit": payloads.commit(git, base),
        "merge_base_commit": payloads.commit(git, merge_base),
        "commits": [],
        "files": [payloads.changed_file(change) for change in git.changes(merge_base, head)][:_COMPARED_FILES],
    }
    return Answered(body=body)


@_route("GET", _REPOSITORY + r"/git/trees/(?P<sha>[^/]+)")
def _tree(host: "FakeGitHub", asked: Asked) -> Answered:
    rows = host.reachable(asked).git.tree(asked.parts["sha"])
    found = [{"mode": mode, "type": kind, "sha": sha, "path": path} for mode, kind, sha, path in rows]
    return Answered(body={"sha": asked.parts["sha"], "tree": found, "truncated": False})


@_route("GET", _REPOSITORY + r"/tarball/(?P<sha>[^/]+)")
def _tarball(host: "FakeGitHub", asked: Asked) -> Answered:
    repository = host.reachable(asked)
    sha = repository.git.sha(asked.parts["sha"])
    return Answered(302, None, {"Location": f"{host.codeload}/{repository.id}/legacy.tar.gz/{sha}?token=AAAA"})


@_route("GET", r"/codeload/(?P<repository>\d+)/legacy.tar.gz/(?P<sha>[^/]+)")
def _codeload(host: "FakeGitHub", asked: Asked) -> Answered:
    repository, sha = host.reachable(asked), asked.parts["sha"]
    return Answered(body=repository.git.archive(sha, f"{repository.full_name.replace('/', '-')}-{sha[:7]}"))


@_route("POST", _REPOSITORY + r"/issues/(?P<number>\d+)/comments")
def _new_comment(host: "FakeGitHub", asked: Asked) -> Answered:
    repository, number = host.reachable(asked), int(asked.parts["number"])
    if number not in repository.pull_requests:
        return host.not_found()
    made = Comment(next(host.ids), number, [asked.json["body"]])
    repository.comments[made.id] = made
    return Answered(201, {"id": made.id, "body": made.body})


@_route("GET", _REPOSITORY + r"/issues/(?P<number>\d+)/comments")
def _comments(host: "FakeGitHub", asked: Asked) -> Answered:
    pull = host.reachable(asked).pull_requests[int(asked.parts["number"])]
    return Answered(200, [{"id": one.id, "body": one.body} for one in paged(asked, pull.comments)])


@_route("PATCH", _REPOSITORY + r"/issues/comments/(?P<comment>\d+)")
def _edit_comment(host: "FakeGitHub", asked: Asked) -> Answered:
    known = host.reachable(asked).comments[int(asked.parts["comment"])]
    known.bodies.append(asked.json["body"])
    return Answered(200, {"id": known.id, "body": known.body})


@_route("POST", _REPOSITORY + "/check-runs")
def _new_check(host: "FakeGitHub", asked: Asked) -> Answered:
    repository, body = host.reachable(asked), asked.json
    problem = _check_problem(repository, body)
    if problem:
        return Answered(422, {"message": problem})
    made = Check(next(host.ids), body["head_sha"], body["name"], body.get("details_url", ""))
    repository.checks[made.id] = made
    _write(made, body)
    return Answered(201, _check(made))


@_route("GET", _REPOSITORY + r"/check-runs/(?P<check>\d+)")
def _get_check(host: "FakeGitHub", asked: Asked) -> Answered:
    return Answered(200, _check(host.reachable(asked).checks[int(asked.parts["check"])]))


@_route("PATCH", _REPOSITORY + r"/check-runs/(?P<check>\d+)")
def _change_check(host: "FakeGitHub", asked: Asked) -> Answered:
    repository = host.reachable(asked)
    known = repository.checks[int(asked.parts["check"])]
    problem = _check_problem(repository, {"head_sha": known.sha, **asked.json})
    if problem:
        return Answered(422, {"message": problem})
    _write(known, asked.json)
    return Answered(200, _check(known))


@_route("POST", _REPOSITORY + "/deployments")
def _new_deployment(host: "FakeGitHub", asked: Asked) -> Answered:
    repository, body = host.reachable(asked), asked.json
    try:
        sha = repository.git.sha(body["ref"])
    except UnknownCommitError:
        return Answered(422, {"message": f"No ref found for: {body['ref']}"})
    if len(body.get("description") or "") > _DESCRIPTION:
        return Answered(422, {"message": "Validation Failed"})
    if body.get("required_contexts") != [] or body.get("auto_merge", True):
        return Answered(409, {"message": "Conflict: Commit status checks failed."})
    made = Deployed(next(host.ids), sha, body["environment"], bool(body.get("transient_environment")))
    repository.deployments[made.id] = made
    return Answered(201, {"id": made.id, "sha": sha, "environment": made.environment})


@_route("POST", _REPOSITORY + r"/deployments/(?P<deployment>\d+)/statuses")
def _new_status(host: "FakeGitHub", asked: Asked) -> Answered:
    known, body = host.reachable(asked).deployments[int(asked.parts["deployment"])], asked.json
    if body["state"] not in {"error", "failure", "inactive", "in_progress", "queued", "pending", "success"}:
        return Answered(422, {"message": "Validation Failed"})
    if len(body.get("description") or "") > _DESCRIPTION:
        return Answered(422, {"message": "Validation Failed", "errors": ["description is too long"]})
    known.states.append(body["state"])
    known.url, known.log_url = body.get("environment_url", ""), body.get("log_url", "")
    known.description = body.get("description", "")
    return Answered(201, {"id": next(host.ids), "state": known.state})


@_route("GET", _REPOSITORY + r"/collaborators/(?P<login>[^/]+)/permission")
def _permission(host: "FakeGitHub", asked: Asked) -> Answered:
    # Of a public repository, everybody may read.
    may = asked.parts["login"] in host.reachable(asked).writers
    return Answered(body={"permission": "write" if may else "read", "user": payloads.user(asked.parts["login"])})


def _with_etag(asked: Asked, body: Any) -> Answered:
    tag = f'W/"{hash(str(body)):x}"'
    if asked.headers.get("if-none-match") == tag:
        return Answered(304, None, {"ETag": tag})
    return Answered(200, body, {"ETag": tag})


def _check_problem(repository: FakeRepository, body: dict[str, Any]) -> str:
    try:
        repository.git.sha(body["head_sha"])
    except UnknownCommitError:
        return f"No commit found for SHA: {body['head_sha']}"
    if len(body.get("output", {}).get("annotations", [])) > _ANNOTATIONS:
        return "Invalid request. No more than 50 items are allowed"
    done = body.get("status") == "completed"
    if done != (body.get("conclusion") in _CONCLUSIONS):
        return "Invalid request. status and conclusion do not fit"
    for button in body.get("actions", []):
        if len(button["label"]) > 20 or len(button["identifier"]) > 20 or len(button["description"]) > 40:
            return "Invalid request. An action is too long"
    return ""


def _write(known: Check, body: dict[str, Any]) -> None:
    output = body.get("output", {})
    known.name, known.url = body.get("name", known.name), body.get("details_url", known.url)
    known.title, known.summary = output.get("title", known.title), output.get("summary", known.summary)
    # Annotations are added to those that are there, as GitHub does.
    known.annotations += output.get("annotations", [])
    known.buttons = body.get("actions", known.buttons)
    known.states.append(body.get("conclusion") or body["status"])


def _check(known: Check) -> dict[str, Any]:
    count = len(known.annotations)
    return {"id": known.id, "name": known.name, "head_sha": known.sha, "output": {"annotations_count": count}}
