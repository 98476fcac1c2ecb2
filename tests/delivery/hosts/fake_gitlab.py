"""A fake GitLab: one access token, projects, merge requests, notes, commit statuses and deployments in GitLab's own form."""

import json
from pathlib import Path
from typing import Any

from tests.delivery.hosts import gitlab_payloads as payloads
from tests.delivery.hosts.gitlab_routes import ROUTES
from tests.delivery.hosts.host import Answered, Asked, FakeHost
from tests.delivery.hosts.outbox import Delivery, new_id
from tests.delivery.hosts.repositories import FakePullRequest, FakeRepository

_ACTIONS = {"opened": "open", "reopened": "reopen", "closed": "close"}
_REPOSITORY_EVENTS = {"deleted": "project_destroy", "renamed": "project_rename", "transferred": "project_transfer"}


class FakeGitLab(FakeHost):
    """GitLab as a token sees it."""

    provider = "gitlab"
    api_prefix = "/api/v4"
    routes = ROUTES

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.token = "glpat-of-the-tests"
        self.scopes = ["api"]

    @property
    def credential(self) -> dict[str, str]:
        return {"token": self.token}

    def uninstall(self) -> None:
        self.is_installed = False

    def tell_push(self, repository: FakeRepository, branch: str, sha: str) -> None:
        if not repository.is_reachable:
            return
        payload = {
            "object_kind": "push",
            "event_name": "push",
            "before": "0" * 40,
            "after": sha or "0" * 40,
            "ref": f"refs/heads/{branch}",
            "checkout_sha": sha or None,
            "user_username": "ada",
            "project_id": repository.id,
            "project": payloads.hook_project(repository),
            "commits": [],
        }
        self._tell("Push Hook", "", payload)

    def tell_pull_request(self, pull: FakePullRequest, action: str) -> None:
        word = "merge" if pull.state == "merged" else _ACTIONS.get(action, "update")
        self._tell("Merge Request Hook", word, payloads.hook_merge_request(pull, word))

    def tell_repository(self, repository: FakeRepository, action: str) -> None:
        """Webhooks of projects say nothing of it: only those of whole installations do."""

    def _tell(self, event: str, action: str, payload: dict[str, Any]) -> None:
        body = json.dumps(payload).encode()
        self.outbox.take(Delivery(event, action, self.headers(event), body))

    def headers(self, event: str) -> dict[str, str]:
        """The headers of a webhook."""
        return {
            "Content-Type": "application/json",
            "User-Agent": "GitLab/18.5.0",
            "Idempotency-Key": new_id(),
            "X-Gitlab-Event": event,
            "X-Gitlab-Webhook-UUID": "13792a34-cac6-4fda-95a8-c58e00a3954e",
            "X-Gitlab-Instance": self.address,
            "X-Gitlab-Event-UUID": new_id(),
            "X-Gitlab-Token": self.webhook_secret,
        }

    def refusal(self, asked: Asked) -> Answered | None:
        if asked.headers.get("private-token") != self.token:
            return Answered(401, {"message": "401 Unauthorized"})
        if not self.is_installed:
            body = {
                "error": "invalid_token",
                "error_description": "Token was revoked. You have to re-authorize from the user.",
            }
            return Answered(401, body)
        return None

    def limited(self, seconds: int) -> Answered:
        headers = {"RateLimit-Limit": "60", "RateLimit-Remaining": "0", "Retry-After": str(seconds)}
        return Answered(429, {"message": "429 Too Many Requests"}, headers)

    def not_found(self) -> Answered:
        return Answered(404, {"message": "404 Not Found"})
