"""What is known of the commit that is deployed: from GitHub Actions, GitLab CI, or plain git."""

import json
import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

# Enough that the base was surely deployed at one of them.
_EARLIER = 200
_FORMAT = "%H%x00%ct%x00%an%x00%ae%x00%B"
_SCP_LIKE = re.compile(r"^(?:[^@/]+@)?([^:/]+):(?!//)(.+)$")


@dataclass(frozen=True)
class Checkout:
    """The head of a branch or pull request. What is not known is empty. `base_branch` is what a pull request goes into."""

    repository: str = ""
    url: str = ""
    branch: str = ""
    default_branch: str = ""
    base_branch: str = ""
    sha: str = ""
    pull_request: int | None = None
    pull_request_status: str = ""
    pull_request_url: str = ""
    title: str = ""
    status_url: str = ""
    git: Mapping[str, Any] = field(default_factory=dict)
    merge_base_sha: str = ""
    earlier_shas: tuple[str, ...] = ()

    @property
    def is_of_branch(self) -> bool:
        """Whether it belongs into a branch deployment: a pull request, or a branch that is not the default one."""
        return self.pull_request is not None or bool(self.branch and self.branch != self.default_branch)

    @property
    def has_ended(self) -> bool:
        """Whether its pull request was closed or merged."""
        return self.pull_request_status in {"CLOSED", "MERGED"}

    def branch_json(self, *, base: str) -> dict[str, Any]:
        """What `POST …/branch-deployments/` takes for it."""
        names = ("repository", "branch", "pull_request", "pull_request_status", "pull_request_url", "title")
        return {
            **{name: getattr(self, name) for name in names},
            "head_sha": self.sha,
            "git": {**self.git, "branch": self.branch},
            "base": base,
            "merge_base_sha": self.merge_base_sha,
            "earlier_shas": list(self.earlier_shas),
        }


def find_checkout(folder: Path, environment: Mapping[str, str] | None = None) -> Checkout:
    """What CI says, and git for the rest. Nothing is an error: a folder without git has an empty answer."""
    env = os.environ if environment is None else environment
    if env.get("GITHUB_ACTIONS"):
        found = _github(env)
    elif env.get("GITLAB_CI"):
        found = _gitlab(env)
    else:
        found = Checkout()
    return _with_history(_with_git(found, folder), folder)


def checkout_of(known: Checkout, branch: str, folder: Path) -> Checkout:
    """Another branch of the same repository, as git here knows it; ValueError when it does not."""
    for ref in (f"refs/heads/{branch}", f"refs/remotes/origin/{branch}"):
        if sha := ask_git(folder, "rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}"):
            named = Checkout(known.repository, known.url, branch, known.default_branch, sha=sha)
            return _with_history(_with_git(named, folder), folder)
    raise ValueError(f"git knows no branch {branch} here. Fetch it, or check the spelling.")


def git_root(folder: Path) -> Path:
    """The top folder of the checkout; the folder itself outside of git."""
    found = ask_git(folder, "rev-parse", "--show-toplevel")
    return Path(found) if found else folder.resolve()


def ask_git(folder: Path, *words: str) -> str:
    """What a git command prints; empty when it fails."""
    try:
        answer = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return answer.stdout.strip() if answer.returncode == 0 else ""


def clean_url(url: str) -> str:
    """The address without user and password: CI clones with a token in it. `git@host:owner/name` stays as it is."""
    parts = urlsplit(url)
    if not parts.scheme or not parts.hostname:
        return url
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return urlunsplit((parts.scheme, f"{host}:{parts.port}" if parts.port else host, parts.path, "", ""))


def repository_of(url: str) -> str:
    """`owner/name` of a remote's address; empty for what is none."""
    scp = None if "://" in url else _SCP_LIKE.match(url)
    path = scp[2] if scp else urlsplit(url).path if "://" in url else ""
    return path.strip("/").removesuffix(".git")


def _github(env: Mapping[str, str]) -> Checkout:
    event = _json_file(env.get("GITHUB_EVENT_PATH", ""))
    repository = env.get("GITHUB_REPOSITORY", "")
    url = f"{env.get('GITHUB_SERVER_URL', 'https://github.com')}/{repository}"
    found = Checkout(
        repository=repository,
        url=url,
        branch=env.get("GITHUB_REF_NAME", "") if env.get("GITHUB_REF_TYPE") == "branch" else "",
        default_branch=_text(event, "repository", "default_branch"),
        sha=env.get("GITHUB_SHA", ""),
        status_url=f"{url}/actions/runs/{env['GITHUB_RUN_ID']}" if env.get("GITHUB_RUN_ID") else "",
    )
    pull = event.get("pull_request")
    if not isinstance(pull, dict):
        return found
    ended = "MERGED" if pull.get("merged") else "CLOSED"
    return replace(
        found,
        branch=_text(pull, "head", "ref"),
        base_branch=_text(pull, "base", "ref"),
        # GITHUB_SHA is the merge that GitHub tries, not the head.
        sha=_text(pull, "head", "sha"),
        pull_request=int(pull["number"]),
        pull_request_status="OPEN" if pull.get("state") == "open" else ended,
        pull_request_url=_text(pull, "html_url"),
        title=_text(pull, "title")[:300],
    )


def _gitlab(env: Mapping[str, str]) -> Checkout:
    url = env.get("CI_PROJECT_URL", "")
    found = Checkout(
        repository=env.get("CI_PROJECT_PATH", ""),
        url=url,
        branch=env.get("CI_COMMIT_BRANCH", ""),
        default_branch=env.get("CI_DEFAULT_BRANCH", ""),
        sha=env.get("CI_COMMIT_SHA", ""),
        status_url=env.get("CI_PIPELINE_URL", ""),
    )
    if not env.get("CI_MERGE_REQUEST_IID"):
        return found
    return replace(
        found,
        branch=env.get("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME", ""),
        base_branch=env.get("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", ""),
        # Set in pipelines of merged results, whose CI_COMMIT_SHA is not the head.
        sha=env.get("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA") or found.sha,
        pull_request=int(env["CI_MERGE_REQUEST_IID"]),
        pull_request_status="OPEN",
        pull_request_url=f"{env.get('CI_MERGE_REQUEST_PROJECT_URL') or url}/-/merge_requests/{env['CI_MERGE_REQUEST_IID']}",
        title=env.get("CI_MERGE_REQUEST_TITLE", "")[:300],
        merge_base_sha=env.get("CI_MERGE_REQUEST_DIFF_BASE_SHA", ""),
    )


def _with_git(known: Checkout, folder: Path) -> Checkout:
    """What CI did not say, from the folder's own git."""
    remote = clean_url(ask_git(folder, "remote", "get-url", "origin"))
    default = ask_git(folder, "symbolic-ref", "--short", "refs/remotes/origin/HEAD").removeprefix("origin/")
    found = replace(
        known,
        url=known.url or remote,
        repository=known.repository or repository_of(remote),
        branch=known.branch or ask_git(folder, "symbolic-ref", "--short", "HEAD"),
        default_branch=known.default_branch or default or _usual_default(folder),
        sha=known.sha or ask_git(folder, "rev-parse", "HEAD"),
    )
    facts = ask_git(folder, "log", "-1", f"--format={_FORMAT}", found.sha).split("\0") if found.sha else []
    if len(facts) < 5:
        return found
    _, timestamp, author, email, message = facts[:5]
    git = {
        "message": message[:5000],
        "timestamp": float(timestamp),
        "author_name": author[:200],
        "author_email": email[:254],
    }
    return replace(found, git=git)


def _usual_default(folder: Path) -> str:
    for name in ("main", "master"):
        if ask_git(folder, "rev-parse", "--verify", "--quiet", f"refs/heads/{name}"):
            return name
    return ""


def _with_history(known: Checkout, folder: Path) -> Checkout:
    """Where the branch left its base, and the commits before that. Unknown in a shallow clone."""
    if not known.is_of_branch:
        return known
    base = known.base_branch or known.default_branch
    merge_base = known.merge_base_sha
    for name in (f"origin/{base}", base):
        merge_base = merge_base or ask_git(folder, "merge-base", name, known.sha or "HEAD")
    if not merge_base:
        return known
    before = ask_git(folder, "rev-list", f"--max-count={_EARLIER + 1}", merge_base).split()[1:]
    return replace(known, merge_base_sha=merge_base, earlier_shas=tuple(before))


def _json_file(path: str) -> dict[str, Any]:
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8")) if path else {}
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _text(found: Mapping[str, Any], *keys: str) -> str:
    value: Any = found
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, str) else ""
