"""A base and a branch that changes it, both deployed and loaded, for tests of what a branch changes."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.test import Client

from agent.protocol import Usage
from controlplane.definitions.manifest import Manifest
from controlplane.deployments.base_snapshots import set_base
from controlplane.deployments.branches import BranchFacts, ensure_branch, note_revision
from controlplane.deployments.models import BranchDeployment
from controlplane.fleet.models import Agent
from tenants.models import User
from tests.cast import Cast
from tests.factories import asset, make_agent, make_location, make_manifest
from tests.runs.scripts import Stage, materialization

BEFORE = make_manifest([asset("raw", code_version="1"), asset("daily", "raw"), asset("report", "daily"), asset("old")])
AFTER = make_manifest([asset("raw", code_version="2"), asset("daily", "raw"), asset("report", "daily"), asset("new")])


@dataclass(frozen=True)
class Changed:
    """The base is `cast.deployment`; `there` is the same cast in the branch."""

    cast: Cast
    there: Cast
    branch: BranchDeployment
    agent: Agent

    @property
    def name(self) -> str:
        return self.there.deployment.name

    def deploy(self, manifest: Manifest, *, sha: str, location: str = "shop") -> None:
        """Deploy a commit to the branch, loaded."""
        make_location(self.there, location, manifest=manifest, agents=[self.agent], deployed={"git_commit": sha})
        note_revision(org_id=self.cast.org_id, deployment_id=self.branch.deployment_id, sha=sha)

    def ask(self, path: str = "", user: User | None = None, **query: Any) -> Any:
        api: Client = self.cast.api(user)
        return api.get(self.there.api_path(f"changes/{path}"), query)

    def page(self, path: str = "", user: User | None = None, **query: Any) -> Any:
        return self.cast.signed_in(user).get(f"/{self.cast.org.slug}/{self.name}/{path}", query)

    def make(self, there: Cast, key: str, *, rows: int, partition: str | None = None, **metadata: Any) -> None:
        """Materialize an asset with so many rows, in the base or the branch."""
        run = Stage(there, self.agent).claimed(assets=[key], partition=partition)
        run.start(key)
        run.event("STEP_START", step=key)
        said = {"dagster/row_count": {"type": "int", "value": rows}, **metadata}
        body = materialization(key, partition, metadata=said)
        run.event("ASSET_MATERIALIZATION", step=key, data=body, serdes="{}")
        usage = Usage(wall_seconds=2, cpu_seconds=1, peak_rss_bytes=100, gib_seconds=3)
        run.event("STEP_SUCCESS", step=key, usage=usage)
        run.event("PIPELINE_SUCCESS")
        run.say("AGENT_EXITED", data={"exit_code": 0, "signal": None, "reason": "finished"})


def make_branch(cast: Cast, number: int = 7, **facts: Any) -> BranchDeployment:
    """A branch deployment of a pull request."""
    known = {"title": "Rename things", "head_sha": "b" * 40, "pull_request_url": f"https://git.example/{number}"}
    told = BranchFacts(repository="acme/data", branch=f"feature-{number}", pull_request=number, **{**known, **facts})
    return ensure_branch(org_id=cast.org_id, parent=cast.deployment, facts=told, actor=cast.actor)


def make_changed(
    cast: Cast,
    before: Manifest = BEFORE,
    after: Manifest = AFTER,
    *,
    others: Mapping[str, Manifest] | None = None,
    number: int = 7,
) -> Changed:
    """`others` are locations of the base that the branch does not deploy."""
    agent = make_agent(cast)
    make_location(cast, manifest=before, agents=[agent], deployed={"git_commit": "base"})
    for name, manifest in (others or {}).items():
        make_location(cast, name, manifest=manifest, agents=[agent], deployed={"git_commit": "base"})
    branch = make_branch(cast, number)
    branch = set_base(org_id=cast.org_id, deployment_id=branch.deployment_id, merge_base_sha="base")
    made = Changed(cast, replace(cast, deployment=branch.deployment), branch, agent)
    made.deploy(after, sha="b" * 40)
    return made
