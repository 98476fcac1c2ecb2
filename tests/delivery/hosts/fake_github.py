"""A fake GitHub with one App that is installed: checks our JWT, gives out installation tokens, and answers in GitHub's own payloads."""

import functools
import hashlib
import hmac
import json
import secrets
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.delivery.hosts import github_payloads as payloads
from tests.delivery.hosts.github_routes import ROUTES
from tests.delivery.hosts.host import Answered, Asked, FakeHost
from tests.delivery.hosts.outbox import Delivery, new_id
from tests.delivery.hosts.payloads import example
from tests.delivery.hosts.repositories import Check, FakePullRequest, FakeRepository

APP_ID, INSTALLATION_ID = "4711", "815"
_TOKEN_SECONDS = 3600


@functools.cache
def app_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@functools.cache
def app_pem() -> str:
    return app_key().private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()


class FakeGitHub(FakeHost):
    """GitHub as a GitHub App sees it."""

    provider = "github"
    api_prefix = "/api/v3"
    routes = ROUTES

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.permissions = {
            "checks": "write",
            "contents": "read",
            "deployments": "write",
            "metadata": "read",
            "pull_requests": "write",
            "statuses": "write",
        }
        self.is_suspended = False
        # Tokens that were given out, and when they end.
        self.tokens: dict[str, float] = {}

    @property
    def credential(self) -> dict[str, str]:
        return {"app_id": APP_ID, "installation_id": INSTALLATION_ID, "private_key": app_pem()}

    @property
    def codeload(self) -> str:
        """Where archives lie: another host than the API."""
        return f"http://localhost:{self.port}/codeload"

    def uninstall(self) -> None:
        self.is_installed = False
        self.tokens.clear()
        self._tell("installation", "deleted", example("installation", "deleted"))

    def suspend(self) -> None:
        self.is_suspended = True
        self._tell("installation", "suspend", example("installation", "suspend"))

    def expire_tokens(self) -> None:
        """GitHub believes none of the tokens any more that it gave out."""
        self.tokens.clear()

    def remove_from_installation(self, repository: FakeRepository) -> None:
        """Somebody takes the repository out of what the app reaches."""
        repository.is_reachable = False
        self._tell("installation_repositories", "removed", example("installation_repositories", "removed"))

    def press(self, check: Check, identifier: str, *, repository: FakeRepository, by: str = "ada") -> None:
        """A maintainer presses a button of a check."""
        assert identifier in {button["identifier"] for button in check.buttons}
        payload = example("check_run", "requested_action", full_name=repository.full_name)
        payload["check_run"].update(id=check.id, head_sha=check.sha, name=check.name, pull_requests=[])
        payload["requested_action"] = {"identifier": identifier}
        payload["repository"] = payloads.repository(repository)
        self._tell("check_run", "requested_action", payload, sender=by)

    # ---- webhooks

    def tell_push(self, repository: FakeRepository, branch: str, sha: str) -> None:
        if not repository.is_reachable:
            return
        payload = example("push", full_name=repository.full_name)
        payload.update(ref=f"refs/heads/{branch}", after=sha or "0" * 40, deleted=not sha)
        payload["repository"] = payloads.repository(repository)
        self._tell("push", "", payload)

    def tell_pull_request(self, pull: FakePullRequest, action: str) -> None:
        payload = example("pull_request", action, full_name=pull.repository.full_name)
        payload.update(
            number=pull.number,
            pull_request=payloads.pull_request(pull),
            repository=payloads.repository(pull.repository),
        )
        self._tell("pull_request", action, payload, sender=pull.author)

    def tell_repository(self, repository: FakeRepository, action: str) -> None:
        payload = example("repository", action, full_name=repository.full_name)
        payload["repository"] = payloads.repository(repository)
        self._tell("repository", action, payload)

    def after_branch_ended(self, repository: FakeRepository, branch: str) -> None:
        for owner in filter(None, (repository, repository.parent)):
            for pull in owner.open_pulls():
                if pull.source is repository and pull.branch == branch:
                    pull.close()

    def ping(self, **headers: str) -> Delivery:
        """The webhook that GitHub sends first."""
        return self._tell("ping", "", example("ping"), **headers)

    def _tell(
        self, event: str, action: str, payload: dict[str, Any], *, sender: str = "ada", **headers: str
    ) -> Delivery:
        payload["installation"] = {**payload.get("installation", {}), "id": int(INSTALLATION_ID)}
        payload["sender"] = {**payload.get("sender", {}), "login": sender}
        body = json.dumps(payload).encode()
        delivery = Delivery(event, action, {**self.headers(event, body), **headers}, body)
        self.outbox.take(delivery)
        return delivery

    def headers(self, event: str, body: bytes) -> dict[str, str]:
        """The headers of a webhook with this body."""
        signature = hmac.new(self.webhook_secret.encode(), body, hashlib.sha256).hexdigest()
        return {
            "Content-Type": "application/json",
            "User-Agent": "GitHub-Hookshot/044aadd",
            "X-GitHub-Delivery": new_id(),
            "X-GitHub-Event": event,
            "X-GitHub-Hook-ID": "292430182",
            "X-GitHub-Hook-Installation-Target-ID": APP_ID,
            "X-GitHub-Hook-Installation-Target-Type": "integration",
            "X-Hub-Signature-256": f"sha256={signature}",
        }

    # ---- who asks

    def refusal(self, asked: Asked) -> Answered | None:
        words = asked.headers.get("authorization", "").split(" ")
        if asked.path.startswith("/codeload/"):
            # SECURITY: what is given to the API must not be shown to the host of archives.
            return Answered(400, {"message": "a credential"}) if words != [""] else None
        if "user-agent" not in asked.headers:
            return Answered(403, {"message": "Request forbidden by administrative rules."})
        if words[0] != "Bearer" or len(words) != 2:
            return Answered(401, {"message": "Requires authentication"})
        return (
            self._jwt_refusal(words[1])
            if asked.path.startswith(f"{self.api_prefix}/app")
            else self._token_refusal(words[1])
        )

    def new_token(self) -> Answered:
        if self.is_suspended:
            return Answered(403, {"message": "This installation has been suspended"})
        token, ends = f"ghs_{secrets.token_hex(18)}", time.time() + _TOKEN_SECONDS
        self.tokens[token] = ends
        text = datetime.fromtimestamp(ends, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return Answered(201, {"token": token, "expires_at": text, "permissions": self.permissions})

    def _jwt_refusal(self, text: str) -> Answered | None:
        try:
            claims = jwt.decode(
                text, app_key().public_key(), algorithms=["RS256"], options={"require": ["exp", "iat", "iss"]}
            )
        except jwt.PyJWTError:
            return Answered(401, {"message": "A JSON web token could not be decoded"})
        if claims["exp"] - time.time() > 600:
            return Answered(401, {"message": "'Expiration time' claim ('exp') is too far in the future"})
        return None if claims["iss"] == APP_ID else Answered(404, {"message": "Integration not found"})

    def _token_refusal(self, text: str) -> Answered | None:
        if self.tokens.get(text, 0) < time.time():
            return Answered(401, {"message": "Bad credentials"})
        return None

    def limited(self, seconds: int) -> Answered:
        reset = {
            "X-RateLimit-Limit": "5000",
            "X-RateLimit-Remaining": "0",
            "X-RateLimit-Reset": str(int(time.time()) + seconds),
        }
        return Answered(403, {"message": f"API rate limit exceeded for installation ID {INSTALLATION_ID}."}, reset)

    def limited_secondarily(self, seconds: int) -> Answered:
        return Answered(
            403, {"message": "You have exceeded a secondary rate limit. Please wait."}, {"Retry-After": str(seconds)}
        )

    def not_found(self) -> Answered:
        return Answered(
            404, {"message": "Not Found", "documentation_url": "https://docs.github.com/rest", "status": "404"}
        )
