"""A whole Daggerboard beside a fake GitHub: real webhooks over HTTP, a real worker, a real agent that fetches archives and loads them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.delivery.hosts.fake_github import FakeGitHub
from tests.delivery.hosts.host import running
from tests.delivery.hosts.outbox import to_url
from tests.delivery.hosts.repositories import FakePullRequest, FakeRepository
from tests.installation import Installation, installed
from tests.waiting import eventually

# The fake host lives on this machine.
SETTINGS = {"DAGGERBOARD_OUTBOUND_ALLOWED_NETWORKS": "127.0.0.0/8"}
PYPROJECT = '[tool.dagster]\nmodule_name = "shop.definitions"\ncode_location_name = "shop"\n'


def shop(*assets: str, note: str = "") -> dict[str, str]:
    """The files of a project with these assets, each of which depends on the one before it."""
    lines = ["import dagster as dg", f"# {note}", ""]
    for before, name in zip(("", *assets), assets, strict=False):
        deps = f"deps=[{before}], " if before else ""
        lines += [f"@dg.asset({deps}code_version='{note}')", f"def {name}(): ...", ""]
    lines.append(f"defs = dg.Definitions([{', '.join(assets)}])")
    return {"pyproject.toml": PYPROJECT, "shop/__init__.py": "", "shop/definitions.py": "\n".join(lines) + "\n"}


@dataclass
class Previews:
    """An installation connected to a repository, whose default branch is what `prod` runs."""

    installation: Installation
    host: FakeGitHub
    repository: FakeRepository
    repository_id: str

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """One request to the REST API of the organization; `path` is below it."""
        profile = self.installation.client.profile
        answer = httpx.request(
            method,
            f"{profile.url}/api/v1/organizations/{profile.organization}/{path}",
            json=body,
            headers={"Authorization": f"Bearer {profile.token}"},
            timeout=120,
            trust_env=False,
        )
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def branch(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.call("GET", f"branch-deployments/{name}/")
        return found

    def wait_said(self, pull: FakePullRequest, *words: str, seconds: float = 180) -> str:
        """The comment of a pull request once it is one, and says all these words of its head."""
        wanted = (pull.head_sha[:7], *words)

        def said() -> str:
            return pull.comments[0].body if len(pull.comments) == 1 else f"{len(pull.comments)} comments"

        return eventually(said, lambda body: all(word in body for word in wanted), seconds=seconds)

    def wait_state(self, name: str, state: str, *, seconds: float = 180) -> dict[str, Any]:
        return eventually(lambda: self.branch(name), lambda found: found["state"] == state, seconds=seconds)

    def wait_workers(self, count: int, *, seconds: float = 180) -> list[int]:
        """The code workers of this installation, once there are so many."""
        return eventually(self.installation.code_workers, lambda pids: len(pids) == count, seconds=seconds)


@contextmanager
def previews(folder: Path, files: Mapping[str, str], **settings: str) -> Iterator[Previews]:
    """Everything started and connected, the default branch loaded in `prod`; branch deployments are automatic."""
    with (
        running(FakeGitHub) as host,
        installed(folder / "home", settings={**SETTINGS, **settings}) as installation,
    ):
        repository = host.add_repository("acme/shop", files)
        made = Previews(installation, host, repository, "")
        credential = dict(host.credential)
        connection = made.call(
            "POST",
            "git-connections/",
            {
                "provider": "github",
                "name": "github",
                "api_url": host.api_url,
                "app_id": credential["app_id"],
                "installation_id": credential["installation_id"],
                "credential": credential["private_key"],
                "webhook_secret": host.webhook_secret,
            },
        )
        made.call("POST", f"git-connections/{connection['id']}/sync/")
        [row] = made.call("GET", "repositories/")["results"]
        made.repository_id = row["id"]
        host.outbox.receiver = to_url(f"{installation.url}/webhooks/git/{connection['id']}")
        wanted = {"base": "prod", "mode": "automatic", "deploys_default_branch": True}
        made.call("PATCH", f"repositories/{row['id']}/", wanted)
        made.call("POST", f"repositories/{row['id']}/reconcile/")
        eventually(
            lambda: made.call("GET", "deployments/prod/code-locations/")["results"],
            lambda rows: [r["current_version"] is not None for r in rows] == [True],
            seconds=240,
        )
        yield made
