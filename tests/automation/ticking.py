"""A deployment with schedules and sensors, the clock's part done by hand, and an agent that answers what it is asked."""

import datetime
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from agent.protocol import CommandResult, ErrorInfo
from controlplane.automation.instigators import reconciling
from controlplane.automation.models import Instigator, RequestedRun, Tick
from controlplane.automation.ticks import firing
from controlplane.definitions.manifest import Manifest, Schedule, Sensor
from controlplane.dispatch.models import Command
from controlplane.dispatch.results import store_result, store_results
from controlplane.fleet.models import Agent
from controlplane.runs.models import Run
from tenants.scoping import org_scope
from tests import factories
from tests.cast import Cast

ON = "RUNNING"


def schedule(name: str = "hourly", cron: str | Sequence[str] = "0 * * * *", **fields: Any) -> Schedule:
    """A schedule of the job `nightly` that its code turns on."""
    expressions = [cron] if isinstance(cron, str) else list(cron)
    given = {"job": "nightly", "default_status": ON, **fields}
    return Schedule(name=name, cron=expressions, **given)


def sensor(name: str = "files", **fields: Any) -> Sensor:
    """A sensor of the job `nightly` that its code turns on."""
    return Sensor(name=name, **{"jobs": ["nightly"], "sensor_type": "STANDARD", "default_status": ON, **fields})


def manifest(*definitions: Schedule | Sensor, **fields: Any) -> Manifest:
    return factories.make_manifest(
        schedules=[one for one in definitions if isinstance(one, Schedule)],
        sensors=[one for one in definitions if isinstance(one, Sensor)],
        **fields,
    )


def minutes_ago(minutes: float) -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC) - datetime.timedelta(minutes=minutes)


@dataclass
class Stage:
    """One deployment of the cast and its agent; None: nobody is there."""

    cast: Cast
    agent: Agent | None

    def deploy(self, *definitions: Schedule | Sensor, **fields: Any) -> None:
        """A new version of `shop` that defines these, loaded and followed."""
        agents = [self.agent] if self.agent else []
        factories.make_location(self.cast, manifest=manifest(*definitions, **fields), agents=agents)
        self.follow()

    def follow(self) -> None:
        reconciling.reconcile(org_id=self.cast.org_id, deployment_id=self.cast.deployment.id)

    def row(self, name: str) -> Instigator:
        with org_scope(self.cast.org_id):
            rows = Instigator.objects.for_org(self.cast.org_id)
            return rows.get(deployment_id=self.cast.deployment.id, name=name)

    def due(self, name: str, at: datetime.datetime | None = None, **fields: Any) -> Instigator:
        """As if its time had come then, a second ago unless told."""
        moment = at or minutes_ago(1 / 60)
        with org_scope(self.cast.org_id):
            rows = Instigator.objects.for_org(self.cast.org_id).filter(id=self.row(name).id)
            rows.update(next_tick_at=moment, **fields)
        return self.row(name)

    def fire(self, *names: str) -> int:
        """What one beat does, of these alone."""
        return firing.fire(self.cast.org_id, [self.row(name).id for name in names])

    def tick(self, name: str, answer: Any = None, **fields: Any) -> Tick:
        """One tick of a sensor from its due time to the end."""
        self.due(name, **fields)
        assert self.fire(name) == 1
        self.answer(self.questions()[-1], answer or {})
        return self.ticks(name)[-1]

    def ticks(self, name: str) -> list[Tick]:
        with org_scope(self.cast.org_id):
            ticks = Tick.objects.for_org(self.cast.org_id).filter(deployment_id=self.cast.deployment.id)
            return list(ticks.filter(name=name).order_by("due_at"))

    def statuses(self, name: str) -> list[str]:
        return [tick.status for tick in self.ticks(name)]

    def questions(self) -> list[Command]:
        """What the agent was asked and has not answered, in order."""
        with org_scope(self.cast.org_id):
            rows = Command.objects.for_org(self.cast.org_id).filter(state="pending", body__purpose="tick")
            return list(rows.order_by("id"))

    def answer(self, question: Command, result: Any = None, *, error: dict[str, Any] | None = None) -> None:
        assert self.agent is not None
        message = CommandResult(
            agent_id=str(self.agent.id),
            command_id=str(question.id),
            result=result,
            error=msgspec.convert(error, ErrorInfo) if error else None,
        )
        with org_scope(self.cast.org_id):
            store_result(org_id=self.cast.org_id, agent=self.agent, message=message)

    def answer_together(self, answers: dict[Command, Any]) -> None:
        """In one request."""
        assert self.agent is not None
        results = [CommandResult(agent_id="", command_id=str(one.id), result=result) for one, result in answers.items()]
        with org_scope(self.cast.org_id):
            store_results(org_id=self.cast.org_id, agent=self.agent, results=results)

    def runs(self) -> list[Run]:
        with org_scope(self.cast.org_id):
            return list(Run.objects.for_org(self.cast.org_id).order_by("id"))

    def requested(self) -> list[str]:
        with org_scope(self.cast.org_id):
            rows = RequestedRun.objects.for_org(self.cast.org_id).order_by("id")
            return list(rows.values_list("state", flat=True))

    def change(self, model: Any, row_id: uuid.UUID, **fields: Any) -> None:
        """Set columns, as time or a fault would have."""
        with org_scope(self.cast.org_id):
            model.objects.for_org(self.cast.org_id).filter(id=row_id).update(**fields)


def make_stage(cast: Cast, *definitions: Schedule | Sensor, is_there: bool = True) -> Stage:
    stage = Stage(cast, factories.make_agent(cast) if is_there else None)
    if definitions:
        stage.deploy(*definitions)
    return stage
