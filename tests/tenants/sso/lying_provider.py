"""An OpenID Connect provider that says what a test wants: real HTTP, real signatures, and every lie that a client has to notice."""

import json
import threading
import time
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT_ID, CLIENT_SECRET = "daggerboard", "a long secret: of / tests and more"


class LyingProvider:
    """`claims` go over those of a good ID token (None leaves one out); `signed_by` names its key and `algorithm` how."""

    def __init__(self, port: int) -> None:
        self.issuer = f"http://127.0.0.1:{port}"
        self.claims: dict[str, Any] = {}
        self.signed_by, self.algorithm = "first", "RS256"
        self.discovery: dict[str, Any] = {}
        self.token_status = 200
        self.userinfo: dict[str, Any] = {}
        # What the token endpoint was sent.
        self.form: dict[str, str] = {}
        self.credentials = ""

    def answer(self, path: str) -> tuple[int, dict[str, Any]]:
        match path:
            case "/.well-known/openid-configuration":
                return 200, self._configuration() | self.discovery
            case "/jwks":
                return 200, {"keys": [_public(name) for name in ("first", "second")]}
            case "/userinfo":
                return 200, self.userinfo
            case "/token" if self.token_status == 200:
                return 200, {"access_token": "a", "token_type": "Bearer", "id_token": self._id_token()}
            case "/token":
                return self.token_status, {"error": "invalid_client"}
        return 404, {}

    def _configuration(self) -> dict[str, Any]:
        names = ("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri")
        paths = ("/authorize", "/token", "/userinfo", "/jwks")
        return {"issuer": self.issuer, **{n: f"{self.issuer}{p}" for n, p in zip(names, paths, strict=True)}}

    def _id_token(self) -> str:
        now = int(time.time())
        good = {"iss": self.issuer, "aud": CLIENT_ID, "iat": now, "exp": now + 300}
        claims = {name: value for name, value in (good | self.claims).items() if value is not None}
        key: Any = CLIENT_SECRET if self.algorithm.startswith("HS") else _key(self.signed_by)
        key = None if self.algorithm == "none" else key
        return jwt.encode(claims, key, algorithm=self.algorithm, headers={"kid": self.signed_by})


@contextmanager
def lying_provider() -> Iterator[LyingProvider]:
    """Runs until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._say(*provider.answer(self.path))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            provider.form = {name: values[0] for name, values in parse_qs(body).items()}
            provider.credentials = b64decode(self.headers.get("Authorization", "Basic ").partition(" ")[2]).decode()
            self._say(*provider.answer(self.path))

        def _say(self, status: int, document: dict[str, Any]) -> None:
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        provider = LyingProvider(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield provider
        finally:
            server.shutdown()
            thread.join(5)


@cache
def _key(_name: str) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _public(name: str) -> dict[str, Any]:
    return jwt.algorithms.RSAAlgorithm.to_jwk(_key(name).public_key(), as_dict=True) | {"kid": name, "use": "sig"}
