"""Secrets of the agent's own cluster, by `name#key` or `namespace/name#key`, with the pod's service account."""

from __future__ import annotations

import base64
import binascii
import ssl
from dataclasses import dataclass
from pathlib import Path

import httpx

from agent.secret_stores import SecretUnavailableError

_TIMEOUT = 10.0


@dataclass(frozen=True)
class KubernetesSettings:
    """The API server, and the folder with the pod's token, namespace and CA certificate."""

    url: str
    credentials: Path


class KubernetesSecrets:
    """Asks the API server."""

    def __init__(self, settings: KubernetesSettings) -> None:
        self._settings = settings

    async def read(self, secret: str) -> str:
        """Answer one key."""
        path, _, key = secret.partition("#")
        namespace, _, name = path.rpartition("/")
        if not self._settings.url:
            raise SecretUnavailableError("This agent does not run in Kubernetes, so it can read none of its secrets.")
        namespace = namespace or self._file("namespace")
        answer = await self._ask(f"/api/v1/namespaces/{namespace}/secrets/{name}")
        where = f"The Kubernetes secret {namespace}/{name}"
        match answer.status_code:
            case httpx.codes.OK:
                return _value(answer, key, where)
            case httpx.codes.NOT_FOUND:
                raise SecretUnavailableError(f"{where} does not exist.")
            case httpx.codes.FORBIDDEN | httpx.codes.UNAUTHORIZED:
                raise SecretUnavailableError(f"{where} may not be read: give the agent's service account `get` on it.")
        raise SecretUnavailableError(f"{where}: the API server answered {answer.status_code}.")

    async def _ask(self, address: str) -> httpx.Response:
        # Read each time: the token is renewed under us.
        headers = {"Authorization": f"Bearer {self._file('token')}"}
        try:
            async with httpx.AsyncClient(base_url=self._settings.url, verify=self._tls(), timeout=_TIMEOUT) as client:
                return await client.get(address, headers=headers)
        except (httpx.HTTPError, ssl.SSLError) as error:
            raise SecretUnavailableError(
                f"The Kubernetes API at {self._settings.url} does not answer: {type(error).__name__} {error}"
            ) from error

    def _tls(self) -> ssl.SSLContext:
        authority = self._settings.credentials / "ca.crt"
        return ssl.create_default_context(cafile=str(authority) if authority.exists() else None)

    def _file(self, name: str) -> str:
        try:
            return (self._settings.credentials / name).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SecretUnavailableError(
                f"{self._settings.credentials / name} cannot be read: {error.strerror}. Does the pod mount its service account?"
            ) from error


def _value(answer: httpx.Response, key: str, where: str) -> str:
    try:
        data = answer.json().get("data") or {}
        if key not in data:
            raise SecretUnavailableError(f"{where} has no key {key}.")
        return base64.b64decode(data[key], validate=True).decode()
    except (ValueError, binascii.Error, AttributeError) as error:
        raise SecretUnavailableError(f"{where}: its key {key} is not text.") from error
