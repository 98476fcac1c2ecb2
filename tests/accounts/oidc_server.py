"""A small OpenID Connect provider on this machine: discovery, token and userinfo, over HTTP. The browser's part is in the tests."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs


class OidcServer(ThreadingHTTPServer):
    """`person` is who it says has signed in; `asked` keeps the forms that came to the token endpoint."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Endpoint)
        self.person: dict[str, Any] = {}
        self.asked: list[dict[str, str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Endpoint(BaseHTTPRequestHandler):
    server: OidcServer

    def do_GET(self) -> None:
        if self.path == "/.well-known/openid-configuration":
            names = {"authorization_endpoint": "authorize", "token_endpoint": "token", "userinfo_endpoint": "me"}
            self._json({"issuer": self.server.url, **{key: f"{self.server.url}/{at}" for key, at in names.items()}})
        elif self.headers["Authorization"] == "Bearer access":
            self._json(self.server.person)
        else:
            self._json({"error": "invalid_token"}, status=401)

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.server.asked.append({name: values[0] for name, values in form.items()})
        good = self.server.asked[-1]["code"] == "good"
        self._json({"access_token": "access", "token_type": "Bearer"} if good else {"error": "invalid_grant"})

    def _json(self, document: Any, status: int = 200) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: Any) -> None:
        """Say nothing."""


@contextmanager
def oidc_server() -> Iterator[OidcServer]:
    """Runs until the block ends."""
    with OidcServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join(5)
