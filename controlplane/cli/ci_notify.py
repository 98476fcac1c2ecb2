"""`daggerboard ci notify`: one comment of the pull request, edited in place, with the token that CI has."""

import os
from typing import Any
from urllib.parse import quote

import httpx

from controlplane.cli.ci_state import LocationState, Session, StateDir
from controlplane.cli.errors import CommandError, ExitCode
from controlplane.cli.output import errors, say_json

_SIGNS = {"success": "✅", "failed": "❌", "pending": "⏳"}
_MAX_LOG = 3000
_PAGE, _MAX_PAGES = 100, 20


def as_markdown(state: StateDir) -> str:
    """The comment's text. What comes from user code is in code blocks, where nothing of it is markup."""
    session = state.session()
    locations = state.locations()
    head = f": [**{_plain(session.deployment)}**]({session.deployment_url})" if session.deployment else ""
    lines = [_mark(session), f"### Daggerboard{head}", "", "| Code location | Status | |", "|---|---|---|"]
    lines += [
        f"| {_plain(one.location_name)} | {_SIGNS[one.status]} {one.status} | {_short(one)} |" for one in locations
    ]
    if not locations:
        lines = [*lines[:3], "The pull request has ended." if session.ended else "There is nothing to deploy."]
    for one in locations:
        if one.status == "failed":
            lines += ["", f"**{_plain(one.location_name)}**", "", _code(one.history[-1].log)]
    commit = f"`{session.checkout.sha[:12]}`" if session.checkout.sha else ""
    links = [commit, f"[CI]({session.status_url})" if session.status_url else ""]
    lines += ["", " · ".join(link for link in links if link)]
    return "\n".join(lines).rstrip() + "\n"


def notify(state: StateDir, *, as_json: bool) -> None:
    """Write the comment; CommandError when there is no pull request, no token, or the host refuses."""
    session = state.session()
    if session.checkout.pull_request is None or not session.deployment:
        errors.print("This is no pull request, or one that never had a branch deployment; there is nobody to tell.")
        if as_json:
            say_json({"comment": None})
        return
    base, key, headers = _host(session)
    with httpx.Client(headers=headers, timeout=30) as http:
        comment_id = _find(http, base, _mark(session))
        text = {"body": as_markdown(state)}
        if comment_id is None:
            answer = _ask(http, "POST", base, json=text)
        else:
            edited = base if key == "PUT" else base.rsplit("/issues/", 1)[0] + "/issues/comments"
            answer = _ask(http, key, f"{edited}/{comment_id}", json=text)
    if as_json:
        say_json({"comment": answer["id"]})
    else:
        errors.print("The pull request was told.")


def _host(session: Session) -> tuple[str, str, dict[str, str]]:
    """Where the comments of the pull request are, how one is changed, and who we are."""
    env, checkout = os.environ, session.checkout
    if env.get("GITLAB_CI"):
        api, token = env.get("CI_API_V4_URL", "https://gitlab.com/api/v4"), env.get("GITLAB_TOKEN", "")
        project = env.get("CI_PROJECT_ID") or quote(checkout.repository, safe="")
        base = f"{api}/projects/{project}/merge_requests/{checkout.pull_request}/notes"
        return base, "PUT", {"PRIVATE-TOKEN": _token(token, "GITLAB_TOKEN")}
    api, token = env.get("GITHUB_API_URL", "https://api.github.com"), env.get("GITHUB_TOKEN", "")
    # By its id, which stays when a repository is renamed.
    number = env.get("GITHUB_REPOSITORY_ID")
    repository = f"repositories/{number}" if number else f"repos/{checkout.repository}"
    base = f"{api}/{repository}/issues/{checkout.pull_request}/comments"
    return base, "PATCH", {"Authorization": f"Bearer {_token(token, 'GITHUB_TOKEN')}"}


def _token(token: str, name: str) -> str:
    if not token:
        raise CommandError(f"Set {name}, so that the comment can be written.", exit_code=ExitCode.NOT_SIGNED_IN)
    return token


def _find(http: httpx.Client, base: str, mark: str) -> int | None:
    for page in range(1, _MAX_PAGES + 1):
        comments = _ask(http, "GET", base, params={"per_page": _PAGE, "page": page})
        for comment in comments:
            if str(comment.get("body") or "").startswith(mark):
                return int(comment["id"])
        if len(comments) < _PAGE:
            break
    return None


def _ask(http: httpx.Client, method: str, url: str, **options: Any) -> Any:
    try:
        answer = http.request(method, url, **options)
        answer.raise_for_status()
        return answer.json()
    except httpx.HTTPStatusError as error:
        code = error.response.status_code
        raise CommandError(f"The Git host answered {code} to {method} {url}. May the token write comments?") from error
    except (httpx.HTTPError, ValueError) as error:
        raise CommandError(f"The Git host does not answer: {error}") from error


def _mark(session: Session) -> str:
    """What our comment begins with; two full deployments of one repository have a comment each."""
    return f"<!-- daggerboard ci {_plain(session.deployment)} -->"


def _short(location: LocationState) -> str:
    if location.status == "failed":
        return "see below"
    if location.version is None:
        return _plain(location.history[-1].log) if location.history else ""
    phases, counts = location.version["phases"], location.version["counts"]
    found = ", ".join(
        f"{counts[name]} {name[:-1] if counts[name] == 1 else name}" for name in ("assets", "jobs") if counts.get(name)
    )
    return f"{found or 'nothing'} in {sum(phases.values()):.0f} s" if phases else found


def _plain(text: str) -> str:
    """One line that is no markup and mentions nobody."""
    escaped = "".join(f"\\{letter}" if letter in "\\`*_{}[]()<>#|~" else letter for letter in text)
    return escaped.replace("@", "@\N{ZERO WIDTH SPACE}").replace("\n", " ").replace("--", "-\N{ZERO WIDTH SPACE}-")


def _code(text: str) -> str:
    kept = text if len(text) <= _MAX_LOG else f"…{text[-_MAX_LOG:]}"
    fence = "`" * 3
    while fence in kept:
        fence += "`"
    return f"{fence}\n{kept}\n{fence}"
