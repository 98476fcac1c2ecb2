"""A fake Git host: a real HTTP server on a free port, with its state in memory and real Git on disk. FakeGitHub and FakeGitLab are its faces."""

import itertools
import json
import re
import shutil
import tempfile
import threading
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

from tests.delivery.hosts.git_folder import GitFolder, UnknownCommitError
from tests.delivery.hosts.outbox import Outbox
from tests.delivery.hosts.repositories import FakePullRequest, FakeRepository

# A project that any agent can load: one asset.
SMALL_PROJECT = {
    "README.md": "# A shop\n",
    "shop/__init__.py": "",
    "shop/definitions.py": "import dagster as dg\n\n\n@dg.asset\ndef orders(): ...\n\n\ndefs = dg.Definitions([orders])\n",
}


@dataclass
class Asked:
    """One request to the host. Query values are lists; `parts` are what the route's pattern named."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: Mapping[str, str]
    body: bytes
    parts: dict[str, str] = field(default_factory=dict)

    @property
    def json(self) -> Any:
        return json.loads(self.body or b"{}")

    def word(self, name: str, default: str = "") -> str:
        return self.query.get(name, [default])[0]


@dataclass
class Answered:
    """What the host answers: an object as JSON, or bytes."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        return (
            self.body if isinstance(self.body, bytes) else b"" if self.body is None else json.dumps(self.body).encode()
        )


@dataclass
class Trouble:
    """An answer that is given instead of the right one, so many times."""

    pattern: re.Pattern[str]
    answer: Callable[[], Answered]
    times: float


Route = tuple[str, re.Pattern[str], Callable[[Any, Asked], Answered]]
H = TypeVar("H", bound="FakeHost")


class FakeHost:
    """Start it with `running(FakeGitHub)`; `webhook_secret` signs, `outbox` sends."""

    provider: str
    api_prefix = ""
    routes: tuple[Route, ...] = ()

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lock = threading.RLock()
        self.outbox = Outbox()
        self.asked: list[Asked] = []
        self.repositories: dict[int, FakeRepository] = {}
        self.webhook_secret = "a secret of the tests"
        self.is_installed = True
        self.ids = itertools.count(1001)
        self.port = 0
        self._troubles: list[Trouble] = []

    # ---- what tests do

    def add_repository(
        self, full_name: str = "acme/shop", files: Mapping[str, str] | None = None, *, git_of: GitFolder | None = None
    ) -> FakeRepository:
        """A repository with one commit on `main`; a fork shares the commits of `git_of`."""
        with self.lock:
            number = next(self.ids)
            path = self.folder / f"{number}.git"
            git = git_of.cloned(path) if git_of else GitFolder.made(path)
            if git_of is None:
                git.commit("main", files or SMALL_PROJECT, "The first commit")
            made = self.repositories[number] = FakeRepository(self, number, full_name, git)
        return made

    def fail(self, status: int, *, path: str = "", times: float = 1, **headers: str) -> None:
        """Answer requests whose `METHOD /path` matches with this status."""
        self._add_trouble(path, times, lambda: Answered(status, {"message": f"Trouble {status}"}, dict(headers)))

    def rate_limit(self, seconds: int, *, path: str = "", times: float = 1) -> None:
        """Answer as the host does to those who ask too much, until `seconds` from now."""
        self._add_trouble(path, times, lambda: self.limited(seconds))

    def recover(self) -> None:
        """No more trouble."""
        self._troubles.clear()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def api_url(self) -> str:
        return f"{self.address}{self.api_prefix}"

    @property
    @abstractmethod
    def credential(self) -> dict[str, str]:
        """What `delivery.connections.create_connection` takes as the credential of this host."""

    @abstractmethod
    def uninstall(self) -> None:
        """The app is uninstalled, or the token revoked."""

    # ---- what happened, as webhooks

    @abstractmethod
    def tell_push(self, repository: FakeRepository, branch: str, sha: str) -> None: ...
    @abstractmethod
    def tell_pull_request(self, pull: FakePullRequest, action: str) -> None: ...
    @abstractmethod
    def tell_repository(self, repository: FakeRepository, action: str) -> None: ...

    def after_branch_ended(self, repository: FakeRepository, branch: str) -> None:
        """What the host does to pull requests whose branch is no more."""

    # ---- answers

    @abstractmethod
    def limited(self, seconds: int) -> Answered: ...
    @abstractmethod
    def not_found(self) -> Answered: ...
    @abstractmethod
    def refusal(self, asked: Asked) -> Answered | None:
        """Why this request is not believed; None when it is."""

    def next_number(self, repository: FakeRepository) -> int:
        return len(repository.pull_requests) + 1

    def answer(self, asked: Asked) -> Answered:
        with self.lock:
            self.asked.append(asked)
            trouble = self._trouble(f"{asked.method} {asked.path}")
            if trouble is not None:
                return trouble
            for method, pattern, handler in self.routes:
                found = pattern.fullmatch(asked.path.removeprefix(self.api_prefix))
                if found and method == asked.method:
                    asked.parts = {name: unquote(text) for name, text in found.groupdict().items()}
                    return self._handled(handler, asked)
            return self.not_found()

    def _handled(self, handler: Callable[[Any, Asked], Answered], asked: Asked) -> Answered:
        refused = self.refusal(asked)
        if refused is not None:
            return refused
        try:
            return handler(self, asked)
        except (UnknownCommitError, LookupError):
            return self.not_found()

    def reachable(self, asked: Asked) -> FakeRepository:
        """The repository that an address names; LookupError when the credential reaches none."""
        found = self.repositories[int(asked.parts["repository"])]
        if found.is_deleted or not found.is_reachable:
            raise LookupError
        return found

    def _add_trouble(self, path: str, times: float, answer: Callable[[], Answered]) -> None:
        self._troubles.append(Trouble(re.compile(path), answer, times))

    def _trouble(self, line: str) -> Answered | None:
        for trouble in self._troubles:
            if trouble.times > 0 and trouble.pattern.search(line):
                trouble.times -= 1
                return trouble.answer()
        return None


def paged(asked: Asked, rows: list[Any]) -> list[Any]:
    """The page of a list that was asked for."""
    size, page = int(asked.word("per_page", "30")), int(asked.word("page", "1"))
    return rows[(page - 1) * size : page * size]


@contextmanager
def running(face: type[H]) -> Iterator[H]:
    """The host, listening until the block ends."""
    folder = Path(tempfile.mkdtemp(prefix="fake-host-"))
    host = face(folder)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(self.command, parts.path, parse_qs(parts.query), headers, self.rfile.read(length))
            answer = host.answer(asked)
            self.send_response(answer.status)
            kind = "application/json" if not isinstance(answer.body, bytes) else "application/gzip"
            for name, value in {
                "Content-Type": kind,
                **answer.headers,
                "Content-Length": str(len(answer.content)),
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.content)

        do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 - http.server's names

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that it overrides
            """Say nothing: `host.asked` has it all."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        host.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield host
        finally:
            server.shutdown()
            thread.join()
            shutil.rmtree(folder, ignore_errors=True)
