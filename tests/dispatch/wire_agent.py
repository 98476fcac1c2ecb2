"""An agent as the control plane sees one: it speaks the protocol over HTTP and does nothing else."""

import gzip
from typing import Any, TypeVar

import httpx
import msgspec

from agent import protocol as wire
from tests import factories
from tests.cast import Cast

T = TypeVar("T")
HEADERS = {"Daggerboard-Protocol": wire.PROTOCOL_VERSION}


class WireAgent:
    """One process of an agent. `accepted` and `etag` are what its next poll says."""

    def __init__(self, url: str, token: str) -> None:
        self.http = httpx.Client(
            base_url=f"{url}/agent/v1/",
            headers={**HEADERS, "Authorization": f"Bearer {token}"},
            timeout=200,
            trust_env=False,
        )
        self.id = ""
        self.boot_id = ""
        self.accepted: list[str] = []
        self.etag: str | None = None

    def register(self, name: str = "agent-1", **fields: Any) -> wire.Registered:
        message = factories.register_message(name, **fields)
        registered = self.send("register", message, wire.Registered)
        self.id, self.boot_id = registered.agent_id, message.boot_id
        return registered

    def poll(self, *, free_slots: int = 1, **fields: Any) -> wire.Work:
        work = self.send("poll", self.poll_message(free_slots=free_slots, **fields), wire.Work)
        self.accepted = []
        if work.desired is not None:
            self.etag = work.desired.etag
        return work

    def poll_now(self, *, free_slots: int = 1, **fields: Any) -> wire.Work:
        """A poll that is answered at once, whether there is something to do or not: it knows nothing of what is desired."""
        self.etag = None
        return self.poll(free_slots=free_slots, **fields)

    def poll_for_commands(self, **fields: Any) -> list[Any]:
        """Poll until there are commands. When a lease ends during a poll, only the next one may see it."""
        for _ in range(10):
            if commands := self.poll(**fields).commands:
                return commands
        raise AssertionError("no commands in ten polls")

    def poll_message(self, *, free_slots: int = 1, **fields: Any) -> wire.Poll:
        return wire.Poll(
            agent_id=self.id,
            boot_id=self.boot_id,
            free_slots=free_slots,
            accepted=self.accepted,
            desired_etag=self.etag,
            **fields,
        )

    def accept(self, work: wire.Work) -> None:
        self.accepted = [command.command_id for command in work.commands]

    def load(self, version_id: str, cast: Cast) -> None:
        """Upload a manifest as an agent does, and report the version as loaded."""
        content = factories.manifest_bytes(factories.make_manifest())
        file = factories.definitions_file(content)
        missing = self.send("definitions/missing", wire.DefinitionsHave(sha256s=[file.sha256]), wire.DefinitionsMissing)
        for sha256 in missing.sha256s:
            self.http.put(f"definitions/{sha256}", content=gzip.compress(content)).raise_for_status()
        self.send("locations", factories.loaded_report(self.id, version_id, file), Any)

    def send(self, path: str, message: wire.Message, answer: type[T]) -> T:
        response = self.post(path, message)
        response.raise_for_status()
        return msgspec.json.decode(response.content, type=answer)

    def post(self, path: str, message: Any, **headers: str) -> httpx.Response:
        return self.http.post(
            path, content=msgspec.json.encode(message), headers={"Content-Type": "application/json", **headers}
        )
