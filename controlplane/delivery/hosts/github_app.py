"""How a GitHub App proves who it is: a JWT by its private key, and for that the token of one installation, for an hour."""

import hashlib
import threading
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from controlplane.delivery.hosts.base import HostConnectionGoneError, HostGoneError
from controlplane.delivery.hosts.http import HostApi
from tenants.errors import InvalidError
from tenants.outbound import Outbound

# GitHub believes a JWT for ten minutes at most; its clock may be a minute behind ours.
_JWT_SECONDS, _CLOCK_SKEW = 540, 60
# A token is not used in its last minutes: an archive may take that long.
_TOKEN_RESERVE_SECONDS = 300
API_VERSION = "2022-11-28"
_ACCEPT = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": API_VERSION}


@dataclass(frozen=True)
class _Token:
    text: str
    ends: float


_tokens: dict[str, _Token] = {}
_lock = threading.Lock()


def private_key(pem: str) -> RSAPrivateKey:
    """The key of an app as GitHub gives it out; InvalidError when the text is none."""
    try:
        key = load_pem_private_key(pem.strip().encode(), password=None)
    except (ValueError, TypeError) as error:
        raise InvalidError(
            "This is not a private key. Paste the whole .pem file that GitHub gave you, with its BEGIN and END lines.",
            attr="credential",
        ) from error
    if not isinstance(key, RSAPrivateKey):
        raise InvalidError("A GitHub App's private key is an RSA key, and this is another kind.", attr="credential")
    return key


@dataclass(frozen=True)
class GitHubApp:
    """An app at one installation. Tokens are kept in memory, by this process."""

    api_url: str
    app_id: str
    installation_id: str
    pem: str
    outbound: Outbound

    def __repr__(self) -> str:
        return f"GitHubApp({self.api_url}, {self.app_id}, {self.installation_id})"

    @property
    def as_app(self) -> HostApi:
        """The API as the app itself sees it."""
        return HostApi("GitHub", self.api_url, self._app_headers, self.outbound)

    @property
    def as_installation(self) -> HostApi:
        """The API as the installation sees it."""
        return HostApi("GitHub", self.api_url, self._installation_headers, self.outbound)

    def installation(self) -> Any:
        """What GitHub says of the installation: account, permissions, events; HostConnectionGoneError when it is uninstalled."""
        return self._of_installation("")

    def forget_token(self) -> None:
        """Ask for a new one next time: permissions changed, or GitHub took it back."""
        with _lock:
            _tokens.pop(self._key, None)

    def _app_headers(self) -> dict[str, str]:
        now = int(time.time())
        claims = {"iat": now - _CLOCK_SKEW, "exp": now + _JWT_SECONDS, "iss": self.app_id}
        return {**_ACCEPT, "Authorization": f"Bearer {jwt.encode(claims, private_key(self.pem), algorithm='RS256')}"}

    def _installation_headers(self) -> dict[str, str]:
        with _lock:
            known = _tokens.get(self._key)
        if known is None or known.ends - _TOKEN_RESERVE_SECONDS < time.time():
            known = self._new_token()
            with _lock:
                _tokens[self._key] = known
        return {**_ACCEPT, "Authorization": f"Bearer {known.text}"}

    def _new_token(self) -> _Token:
        made = self._of_installation("/access_tokens")
        return _Token(made["token"], datetime.fromisoformat(made["expires_at"]).timestamp())

    def _of_installation(self, below: str) -> Any:
        path = f"/app/installations/{self.installation_id}{below}"
        try:
            return self.as_app.send("POST", path, {}) if below else self.as_app.get(path)
        except HostGoneError as error:
            raise HostConnectionGoneError(
                f"GitHub knows no installation {self.installation_id} of the app {self.app_id}: it was uninstalled, or the "
                "numbers are wrong."
            ) from error

    @property
    def _key(self) -> str:
        # SECURITY: by the key too: who knows two numbers gets no token that was made by another's key.
        parts = [self.api_url, self.app_id, self.installation_id, self.pem]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()
