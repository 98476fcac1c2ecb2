"""HashiCorp Vault (or OpenBao), KV version 2, by `mount/path#field`. With a token, or the pod's Kubernetes service account."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from agent.secret_stores import SecretUnavailableError, field_of

_TIMEOUT = 10.0
# Seconds before its end in which a login is not used any more.
_LOGIN_SLACK = 30.0


@dataclass(frozen=True)
class VaultSettings:
    """Where Vault is and how the agent logs in: a token file, or a role of the Kubernetes auth method."""

    url: str
    namespace: str = ""
    token_file: str = ""
    role: str = ""
    auth_mount: str = "kubernetes"
    service_account_token: Path = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")


class Vault:
    """Reads the newest version of a secret."""

    def __init__(self, settings: VaultSettings) -> None:
        self._settings = settings
        self._login: tuple[str, float] = ("", 0.0)

    async def read(self, secret: str) -> str:
        """Answer one field."""
        path, _, field = secret.partition("#")
        mount, _, name = path.partition("/")
        if not self._settings.url:
            raise SecretUnavailableError("This agent has no Vault: set vault_url and how it logs in.")
        async with self._client() as client:
            document = await self._get(client, f"/v1/{mount}/data/{name}", path)
        try:
            fields = document["data"]["data"]
        except (KeyError, TypeError):
            fields = None
        if not isinstance(fields, dict):
            raise SecretUnavailableError(
                f"Vault has {path}, but not as a KV version 2 secret, or its newest version is deleted."
            )
        return field_of(fields, field, where=f"Vault's {path}")

    def _client(self) -> httpx.AsyncClient:
        headers = {"X-Vault-Namespace": self._settings.namespace} if self._settings.namespace else {}
        headers["X-Vault-Request"] = "true"
        return httpx.AsyncClient(base_url=self._settings.url.rstrip("/"), headers=headers, timeout=_TIMEOUT)

    async def _get(self, client: httpx.AsyncClient, address: str, path: str) -> Any:
        for fresh in (False, True):
            token = await self._token(client, fresh=fresh)
            answer = await _asked(client, "GET", address, headers={"X-Vault-Token": token})
            # A login that ended early is tried anew, once.
            if answer.status_code != httpx.codes.FORBIDDEN or not self._settings.role:
                break
        match answer.status_code:
            case httpx.codes.OK:
                return _document(answer)
            case httpx.codes.NOT_FOUND:
                raise SecretUnavailableError(f"Vault has no secret {path}, or its newest version is deleted.")
            case httpx.codes.FORBIDDEN:
                raise SecretUnavailableError(f"Vault refused {path}: the agent's policy needs `read` on it.")
        raise SecretUnavailableError(f"Vault answered {answer.status_code} for {path}: {_errors(answer)}")

    async def _token(self, client: httpx.AsyncClient, *, fresh: bool) -> str:
        settings = self._settings
        if not settings.role:
            return _file(settings.token_file, "vault_token_file") if settings.token_file else _no_login()
        token, until = self._login
        if fresh or time.monotonic() >= until:
            jwt = _file(str(settings.service_account_token), "the pod's service account token")
            body = {"role": settings.role, "jwt": jwt}
            answer = await _asked(client, "POST", f"/v1/auth/{settings.auth_mount}/login", json=body)
            if answer.status_code != httpx.codes.OK:
                raise SecretUnavailableError(f"Vault refused the login with role {settings.role}: {_errors(answer)}")
            auth = _document(answer)["auth"]
            token = str(auth["client_token"])
            self._login = (token, time.monotonic() + float(auth.get("lease_duration", 0)) - _LOGIN_SLACK)
        return token


async def _asked(client: httpx.AsyncClient, method: str, address: str, **parts: Any) -> httpx.Response:
    try:
        return await client.request(method, address, **parts)
    except httpx.HTTPError as error:
        raise SecretUnavailableError(
            f"Vault at {client.base_url} does not answer: {type(error).__name__} {error}"
        ) from error


def _document(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError as error:
        raise SecretUnavailableError("What answered at vault_url is no Vault: its answer is not JSON.") from error


def _errors(answer: httpx.Response) -> str:
    try:
        return "; ".join(str(error) for error in answer.json()["errors"]) or "no reason given"
    except (ValueError, KeyError, TypeError):
        return "no reason given"


def _file(path: str, what: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SecretUnavailableError(f"{what} ({path}) cannot be read: {error.strerror}") from error


def _no_login() -> str:
    raise SecretUnavailableError(
        "This agent cannot log in to Vault: set vault_token_file, or vault_role in Kubernetes."
    )
