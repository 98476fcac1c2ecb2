"""Objects of GitLab's API and webhooks."""

from typing import Any

from tests.delivery.hosts.git_folder import GitFolder
from tests.delivery.hosts.github_payloads import time_text
from tests.delivery.hosts.repositories import Deployed, FakePullRequest, FakeRepository

_STATES = {"open": "opened", "closed": "closed", "merged": "merged"}


def user(login: str) -> dict[str, Any]:
    return {"id": 1, "username": login, "name": login.title(), "state": "active"}


def web_url(row: FakeRepository) -> str:
    return f"https://gitlab.example/{row.full_name}"


def project(row: FakeRepository) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.full_name.rsplit("/", maxsplit=1)[-1],
        "path_with_namespace": row.full_name,
        "default_branch": row.default_branch,
        "web_url": web_url(row),
        "archived": False,
        "marked_for_deletion_on": None,
    }


def hook_project(row: FakeRepository) -> dict[str, Any]:
    return {
        "id": row.id,
        "path_with_namespace": row.full_name,
        "default_branch": row.default_branch,
        "web_url": web_url(row),
    }


def merge_request(pull: FakePullRequest) -> dict[str, Any]:
    return {
        "id": 90_000 + pull.number,
        "iid": pull.number,
        "project_id": pull.repository.id,
        "title": pull.title,
        "state": _STATES[pull.state],
        "created_at": time_text(pull.created_at).replace("Z", ".000Z"),
        "updated_at": time_text(pull.updated_at).replace("Z", ".000Z"),
        "target_branch": pull.base,
        "source_branch": pull.branch,
        "source_project_id": None if pull.source.is_deleted else pull.source.id,
        "target_project_id": pull.repository.id,
        "author": user(pull.author),
        "labels": list(pull.labels),
        "sha": pull.head_sha,
        "references": {"short": f"!{pull.number}", "full": f"{pull.repository.full_name}!{pull.number}"},
        "web_url": f"{web_url(pull.repository)}/-/merge_requests/{pull.number}",
    }


def hook_merge_request(pull: FakePullRequest, action: str) -> dict[str, Any]:
    return {
        "object_kind": "merge_request",
        "event_type": "merge_request",
        "user": user(pull.author),
        "project": hook_project(pull.repository),
        "labels": [{"title": name} for name in pull.labels],
        "object_attributes": {
            **{k: v for k, v in merge_request(pull).items() if k not in {"sha", "references", "labels", "web_url"}},
            "action": action,
            "last_commit": {"id": pull.head_sha},
            "url": f"{web_url(pull.repository)}/-/merge_requests/{pull.number}",
        },
    }


def commit(git: GitFolder, sha: str) -> dict[str, Any]:
    facts = git.facts(sha)
    return {
        "id": facts["sha"],
        "short_id": facts["sha"][:8],
        "message": facts["message"],
        "author_name": facts["author_name"],
        "author_email": facts["author_email"],
        "committed_date": facts["date"],
    }


def changed_file(change: tuple[str, str, str]) -> dict[str, Any]:
    letter, before, after = change
    return {
        "old_path": before,
        "new_path": after,
        "new_file": letter == "A",
        "deleted_file": letter == "D",
        "renamed_file": letter == "R",
    }


def deployment(known: Deployed, environment: dict[str, Any]) -> dict[str, Any]:
    return {"id": known.id, "sha": known.sha, "status": known.state, "environment": environment}
