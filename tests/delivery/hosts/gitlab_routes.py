"""What the fake GitLab answers, route by route."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from tests.delivery.hosts import gitlab_payloads as payloads
from tests.delivery.hosts.host import Answered, Asked, Route, paged
from tests.delivery.hosts.repositories import Check, Comment, Deployed, FakeRepository

if TYPE_CHECKING:
    from tests.delivery.hosts.fake_gitlab import FakeGitLab

Handler = Callable[["FakeGitLab", Asked], Answered]
ROUTES: tuple[Route, ...] = ()
_PROJECT = r"/projects/(?P<repository>\d+)"
_DEVELOPER, _REPORTER = 30, 20


def _route(method: str, pattern: str) -> Callable[[Handler], Handler]:
    def add(handler: Handler) -> Handler:
        global ROUTES  # noqa: PLW0603 - a table that this file builds from top to bottom
        ROUTES = (*ROUTES, (method, re.compile(pattern), handler))
        return handler

    return add


@_route("GET", "/user")
def _user(_host: "FakeGitLab", _asked: Asked) -> Answered:
    return Answered(body=payloads.user("project_7_bot"))


@_route("GET", "/personal_access_tokens/self")
def _token(host: "FakeGitLab", _asked: Asked) -> Answered:
    return Answered(body={"id": 1, "scopes": host.scopes, "active": True})


@_route("GET", "/projects")
def _projects(host: "FakeGitLab", asked: Asked) -> Answered:
    found = [row for row in host.repositories.values() if row.is_reachable and not row.is_deleted]
    return Answered(body=[payloads.project(row) for row in paged(asked, found)])


@_route("GET", _PROJECT)
def _project(host: "FakeGitLab", asked: Asked) -> Answered:
    # Forks of others are public here: they are read, and no more.
    found = host.repositories[int(asked.parts["repository"])]
    if found.is_deleted or not (found.is_reachable or found.parent):
        return host.not_found()
    return Answered(body=payloads.project(found))


@_route("GET", _PROJECT + "/merge_requests")
def _merge_requests(host: "FakeGitLab", asked: Asked) -> Answered:
    rows = host.reachable(asked).open_pulls()
    return Answered(body=[payloads.merge_request(pull) for pull in paged(asked, rows)])


@_route("GET", _PROJECT + r"/merge_requests/(?P<number>\d+)")
def _merge_request(host: "FakeGitLab", asked: Asked) -> Answered:
    return Answered(body=payloads.merge_request(host.reachable(asked).pull_requests[int(asked.parts["number"])]))


@_route("GET", _PROJECT + r"/repository/branches/(?P<branch>[^/]+)")
def _branch(host: "FakeGitLab", asked: Asked) -> Answered:
    git, name = host.reachable(asked).git, asked.parts["branch"]
    return Answered(body={"name": name, "commit": payloads.commit(git, git.head(name))})


@_route("GET", _PROJECT + r"/repository/commits/(?P<sha>[^/]+)")
def _commit(host: "FakeGitLab", asked: Asked) -> Answered:
    git = host.reachable(asked).git
    return Answered(body=payloads.commit(git, git.sha(asked.parts["sha"])))


@_route("GET", _PROJECT + "/repository/commits")
def _commits(host: "FakeGitLab", asked: Asked) -> Answered:
    git = host.reachable(asked).git
    return Answered(body=[payloads.commit(git, sha) for sha in paged(asked, git.log(asked.word("ref_name", "main")))])


@_route("GET", _PROJECT + "/repository/merge_base")
def _merge_base(host: "FakeGitLab", asked: Asked) -> Answered:
    git = host.reachable(asked).git
    return Answered(body=payloads.commit(git, git.merge_base(*asked.query["refs[]"])))


@_route("GET", _PROJECT + "/repository/compare")
def _compare(host: "FakeGitLab", asked: Asked) -> Answered:
    git = host.reachable(asked).git
    before, after = git.sha(asked.word("from")), git.sha(asked.word("to"))
    start = before if asked.word("straight") == "true" else git.merge_base(before, after)
    diffs = [payloads.changed_file(change) for change in git.changes(start, after)][:1000]
    return Answered(body={"diffs": diffs, "compare_timeout": False, "compare_same_ref": before == after})


@_route("GET", _PROJECT + "/repository/tree")
def _tree(host: "FakeGitLab", asked: Asked) -> Answered:
    rows = host.reachable(asked).git.tree(asked.word("ref"))
    found = [{"mode": mode, "type": kind, "id": sha, "path": path} for mode, kind, sha, path in rows]
    return Answered(body=paged(asked, found))


@_route("GET", _PROJECT + "/repository/archive.tar.gz")
def _archive(host: "FakeGitLab", asked: Asked) -> Answered:
    repository = host.reachable(asked)
    sha = repository.git.sha(asked.word("sha"))
    name = repository.full_name.rsplit("/", maxsplit=1)[-1]
    return Answered(body=repository.git.archive(sha, f"{name}-{sha}-{sha}"))


@_route("POST", _PROJECT + r"/merge_requests/(?P<number>\d+)/notes")
def _new_note(host: "FakeGitLab", asked: Asked) -> Answered:
    repository, number = host.reachable(asked), int(asked.parts["number"])
    if number not in repository.pull_requests:
        return host.not_found()
    made = Comment(next(host.ids), number, [asked.json["body"]])
    repository.comments[made.id] = made
    return Answered(201, {"id": made.id, "body": made.body})


@_route("GET", _PROJECT + r"/merge_requests/(?P<number>\d+)/notes")
def _notes(host: "FakeGitLab", asked: Asked) -> Answered:
    pull = host.reachable(asked).pull_requests[int(asked.parts["number"])]
    return Answered(200, [{"id": one.id, "body": one.body} for one in paged(asked, pull.comments)])


@_route("PUT", _PROJECT + r"/merge_requests/(?P<number>\d+)/notes/(?P<note>\d+)")
def _edit_note(host: "FakeGitLab", asked: Asked) -> Answered:
    known = host.reachable(asked).comments[int(asked.parts["note"])]
    known.bodies.append(asked.json["body"])
    return Answered(200, {"id": known.id, "body": known.body})


@_route("POST", _PROJECT + r"/statuses/(?P<sha>[^/]+)")
def _status(host: "FakeGitLab", asked: Asked) -> Answered:
    repository, body = host.reachable(asked), asked.json
    sha = repository.git.sha(asked.parts["sha"])
    known = repository.checks_of(sha).get(body["name"])
    if body["state"] not in {"pending", "running", "success", "failed", "canceled", "skipped"}:
        return Answered(400, {"error": "state does not have a valid value"})
    if len(body.get("description", "")) > 255:
        return Answered(400, {"message": {"description": ["is too long (maximum is 255 characters)"]}})
    if known and known.state == body["state"]:
        return Answered(
            400, {"message": f"Cannot transition status via :run from :{known.state} (Reason(s): Status cannot)"}
        )
    if known is None or known.state in {"success", "failed", "skipped"}:
        known = Check(next(host.ids), sha, body["name"], "")
        repository.checks[known.id] = known
    known.url, known.title = body.get("target_url", ""), body.get("description", "")
    known.states.append(body["state"])
    return Answered(201, {"id": known.id, "sha": sha, "status": known.state, "name": known.name})


@_route("POST", _PROJECT + "/deployments")
def _new_deployment(host: "FakeGitLab", asked: Asked) -> Answered:
    repository, body = host.reachable(asked), asked.json
    if body["status"] not in {"running", "success", "failed", "canceled"}:
        return Answered(400, {"error": "status does not have a valid value"})
    made = Deployed(next(host.ids), repository.git.sha(body["sha"]), body["environment"], states=[body["status"]])
    repository.deployments[made.id] = made
    return Answered(201, payloads.deployment(made, _environment(repository, made.environment)))


@_route("GET", _PROJECT + r"/deployments/(?P<deployment>\d+)")
def _deployment(host: "FakeGitLab", asked: Asked) -> Answered:
    repository = host.reachable(asked)
    known = repository.deployments[int(asked.parts["deployment"])]
    return Answered(200, payloads.deployment(known, _environment(repository, known.environment)))


@_route("PUT", _PROJECT + r"/deployments/(?P<deployment>\d+)")
def _change_deployment(host: "FakeGitLab", asked: Asked) -> Answered:
    repository, status = host.reachable(asked), asked.json["status"]
    known = repository.deployments[int(asked.parts["deployment"])]
    if status == known.state:
        return Answered(400, {"message": f"Cannot transition status via :{status} from :{known.state}"})
    known.states.append(status)
    return Answered(200, payloads.deployment(known, _environment(repository, known.environment)))


@_route("PUT", _PROJECT + r"/environments/(?P<environment>\d+)")
def _change_environment(host: "FakeGitLab", asked: Asked) -> Answered:
    for known in _in_environment(host.reachable(asked), int(asked.parts["environment"])):
        known.url = asked.json["external_url"]
    return Answered(200, {"id": int(asked.parts["environment"])})


@_route("POST", _PROJECT + r"/environments/(?P<environment>\d+)/stop")
def _stop_environment(host: "FakeGitLab", asked: Asked) -> Answered:
    for known in _in_environment(host.reachable(asked), int(asked.parts["environment"])):
        known.states.append("inactive")
    return Answered(200, {"id": int(asked.parts["environment"]), "state": "stopped"})


@_route("GET", _PROJECT + "/members/all")
def _members(host: "FakeGitLab", asked: Asked) -> Answered:
    # `query` finds parts of names, too.
    found = [name for name in sorted(host.reachable(asked).writers) if asked.word("query") in name]
    rows = [{**payloads.user(name), "access_level": _DEVELOPER} for name in found]
    return Answered(body=[*rows, {**payloads.user("reader"), "access_level": _REPORTER}])


def _in_environment(repository: FakeRepository, environment: int) -> list[Deployed]:
    """What was deployed to an environment; the newest stands for it."""
    name = repository.deployments[environment].environment
    return [known for known in repository.deployments.values() if known.environment == name][-1:]


def _environment(repository: FakeRepository, name: str) -> dict[str, object]:
    """An environment; its id is that of the first deployment to it."""
    first = next(known for known in repository.deployments.values() if known.environment == name)
    newest = [known for known in repository.deployments.values() if known.environment == name][-1]
    return {"id": first.id, "name": name, "external_url": newest.url or None}
