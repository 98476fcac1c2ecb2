"""Runs as tests tell them: a stage with a location and an agent, and scripts of events as an agent would send them."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from agent.protocol import AttemptEvents, AttemptStored, Event, EventBatch, Usage
from controlplane.definitions.manifest import Manifest
from controlplane.fleet.models import Agent
from controlplane.runs.admission import ClaimedRun, claim_runs
from controlplane.runs.ingest import store_events
from controlplane.runs.models import Run
from controlplane.runs.requests import RunRequest
from controlplane.runs.services import request_run
from tenants.scoping import org_scope
from tests.cast import Cast, make_cast
from tests.factories import make_agent, make_location


@dataclass
class Stage:
    """An organization with one agent that has the location `shop` loaded."""

    cast: Cast
    agent: Agent

    @property
    def org_id(self) -> UUID:
        return self.cast.org_id

    def request(self, **fields: Any) -> Run:
        wanted = RunRequest(**({"assets": ["raw"]} if not {"assets", "job", "checks"} & set(fields) else {}), **fields)
        return request_run(
            org_id=self.org_id, deployment_id=self.cast.deployment.id, request=wanted, actor=self.cast.actor
        )

    def claim(self, slots: int = 1) -> list[ClaimedRun]:
        return claim_runs(org_id=self.org_id, agent=self.agent, slots=slots)

    def claimed(self, **fields: Any) -> "Sender":
        """Request a run and let the agent claim it."""
        run = self.request(**fields)
        [claim] = [found for found in self.claim(slots=100) if found.run_id == run.id]
        return Sender(self, claim)

    def run(self, run_id: UUID) -> Run:
        with org_scope(self.org_id):
            return Run.objects.for_org(self.org_id).get(id=run_id)


def make_stage(manifest: Manifest | None = None) -> Stage:
    cast = make_cast()
    agent = make_agent(cast)
    make_location(cast, manifest=manifest, agents=[agent])
    return Stage(cast, agent)


@dataclass
class Sender:
    """One attempt as its agent sees it: numbers its events and sends them."""

    stage: Stage
    claim: ClaimedRun
    sent: list[Event] = field(default_factory=list)

    @property
    def run_id(self) -> UUID:
        return self.claim.run_id

    @property
    def run(self) -> Run:
        return self.stage.run(self.run_id)

    def event(self, type_: str, **fields: Any) -> Event:
        """The next event, remembered but not sent."""
        made = Event(seq=len(self.sent) + 1, ts=fields.pop("ts", time.time()), type=type_, **fields)
        self.sent.append(made)
        return made

    def say(self, type_: str, **fields: Any) -> AttemptStored:
        """The next event, sent."""
        self.event(type_, **fields)
        return self.flush()

    def deliver(self, events: Sequence[Event], **fields: Any) -> AttemptStored:
        """Send these, whatever was sent before."""
        [answer] = store_events(
            org_id=self.stage.org_id,
            agent_id=fields.pop("agent_id", self.stage.agent.id),
            batch=self.batch(events, **fields),
        ).attempts
        return answer

    def batch(self, events: Sequence[Event], **fields: Any) -> EventBatch:
        given = {"run_id": str(self.run_id), "attempt": self.claim.attempt, "epoch": self.claim.epoch, **fields}
        return EventBatch(agent_id=str(self.stage.agent.id), attempts=[AttemptEvents(events=list(events), **given)])

    def start(self, *steps: str, **data: Any) -> AttemptStored:
        """The agent starts it, and dagster with a plan of these steps, each an asset of its name, one behind the other."""
        before = [None, *steps]
        plan = [{"step": step, "assets": [[step]], "deps": [before[at]] if at else []} for at, step in enumerate(steps)]
        self.event("AGENT_STARTED", data={"pid": 4711, "mode": "warm"})
        return self.say("PIPELINE_START", data={"mode": "warm", "executor": "in_process", "plan": plan, **data})

    def step(self, name: str, *, materialize: bool = True, partition: str | None = None) -> AttemptStored:
        """A step that goes well."""
        self.event("STEP_START", step=name)
        if materialize:
            self.event("ASSET_MATERIALIZATION", step=name, data=materialization(name, partition), serdes="{}")
        return self.say(
            "STEP_SUCCESS", step=name, usage=Usage(wall_seconds=2, cpu_seconds=1, peak_rss_bytes=100, gib_seconds=3)
        )

    def flush(self) -> AttemptStored:
        return self.deliver(self.sent)


def materialization(asset: str, partition: str | None = None, **fields: Any) -> dict[str, Any]:
    body = {"asset": asset.split("/"), "partition": partition, "description": None, "metadata": {}, "tags": {}}
    return {"materialization": {**body, **fields}}
