"""Objects of GitHub's API and webhooks, filled into its own examples."""

from datetime import datetime
from typing import Any

from tests.delivery.hosts.git_folder import GitFolder
from tests.delivery.hosts.payloads import example
from tests.delivery.hosts.repositories import FakePullRequest, FakeRepository


def time_text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def user(login: str) -> dict[str, Any]:
    return {**example("pull_request")["sender"], "login": login}


def repository(row: FakeRepository) -> dict[str, Any]:
    owner, name = row.full_name.split("/")
    return {
        **example("repository", full_name=row.full_name)["repository"],
        "id": row.id,
        "name": name,
        "full_name": row.full_name,
        "owner": user(owner),
        "html_url": f"https://github.example/{row.full_name}",
        "default_branch": row.default_branch,
        "fork": row.parent is not None,
    }


def pull_request(pull: FakePullRequest) -> dict[str, Any]:
    known = example("pull_request", "opened", full_name=pull.repository.full_name)["pull_request"]
    changed = time_text(pull.updated_at)
    owner = pull.source.full_name.split("/")[0]
    source = None if pull.source.is_deleted else repository(pull.source)
    base_sha = pull.repository.git.head(pull.base)
    return {
        **known,
        "number": pull.number,
        "state": "open" if pull.state == "open" else "closed",
        "title": pull.title,
        "html_url": f"https://github.example/{pull.repository.full_name}/pull/{pull.number}",
        "user": user(pull.author),
        "labels": [{"id": 1, "name": name, "color": "ededed", "default": False} for name in pull.labels],
        "created_at": time_text(pull.created_at),
        "updated_at": changed,
        "closed_at": None if pull.state == "open" else changed,
        "merged": pull.state == "merged",
        "merged_at": changed if pull.state == "merged" else None,
        "head": {
            **known["head"],
            "label": f"{owner}:{pull.branch}",
            "ref": pull.branch,
            "sha": pull.head_sha,
            "repo": source,
        },
        "base": {**known["base"], "ref": pull.base, "sha": base_sha, "repo": repository(pull.repository)},
    }


def commit(git: GitFolder, sha: str) -> dict[str, Any]:
    facts = git.facts(sha)
    person = {"name": facts["author_name"], "email": facts["author_email"], "date": facts["date"]}
    return {
        "sha": facts["sha"],
        "commit": {"author": person, "committer": person, "message": facts["message"].rstrip("\n")},
        "author": None,
        "committer": None,
    }


_STATUSES = {"A": "added", "D": "removed", "M": "modified", "R": "renamed"}


def changed_file(change: tuple[str, str, str]) -> dict[str, Any]:
    letter, before, after = change
    return {
        "filename": after,
        "status": _STATUSES.get(letter, "changed"),
        **({"previous_filename": before} if letter == "R" else {}),
    }
