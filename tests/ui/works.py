"""A deployment to operate: jobs with every kind of config, partitions of all kinds, and an agent that answers questions about them."""

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from agent.protocol import CommandResult, ErrorInfo, LocationReport, LocationState
from controlplane.core.threads import with_connections_returned
from controlplane.definitions.manifest import (
    ConfigField,
    ConfigType,
    Dimension,
    Job,
    Manifest,
    Op,
    PartitionsDefinition,
    Schedule,
    Sensor,
)
from controlplane.deployments.loading import record_load
from controlplane.deployments.models import CodeLocation
from controlplane.dispatch.models import Command, CommandState
from controlplane.dispatch.results import store_result
from controlplane.fleet.models import Agent
from controlplane.fleet.services import note_goodbye
from tenants.scoping import org_scope
from tests.cast import Cast, make_cast
from tests.factories import asset, deploy, make_agent, make_location, make_manifest

Answer = Callable[[dict[str, Any]], Any]
LONG = "a_very_long_name_that_goes_on_and_on_" * 8
VALID = {"valid": True, "errors": []}


@dataclass
class Works:
    """The deployment `prod` with the location `works`, loaded on one agent."""

    cast: Cast
    agent: Agent
    location: CodeLocation

    @property
    def path(self) -> str:
        return f"/{self.cast.org.slug}/{self.cast.deployment.name}"

    @contextmanager
    def answering(self, answer: Answer = lambda _args: VALID) -> Iterator[list[dict[str, Any]]]:
        """The agent answers every question of the control plane like this; yields the questions that were asked."""
        asked: list[dict[str, Any]] = []
        stop = threading.Event()
        thread = threading.Thread(target=with_connections_returned, args=(self._answer_all, answer, asked, stop))
        thread.start()
        try:
            yield asked
        finally:
            stop.set()
            thread.join()

    def _answer_all(self, answer: Answer, asked: list[dict[str, Any]], stop: threading.Event) -> None:
        while not stop.wait(0.02):
            with org_scope(self.cast.org_id):
                commands = list(
                    Command.objects.for_org(self.cast.org_id).filter(agent_id=self.agent.id, state=CommandState.PENDING)
                )
                for command in commands:
                    asked.append(command.body["args"])
                    store_result(
                        org_id=self.cast.org_id,
                        agent=self.agent,
                        message=_result(command.id, answer(command.body["args"])),
                    )


def _result(command_id: uuid.UUID, answer: Any) -> CommandResult:
    if isinstance(answer, ErrorInfo):
        return CommandResult(agent_id="", command_id=str(command_id), error=answer)
    return CommandResult(agent_id="", command_id=str(command_id), result=answer)


def make_works(prefix: str = "works") -> Works:
    cast = make_cast(prefix)
    agent = make_agent(cast, "press-1")
    location = make_location(cast, "works", manifest=works_manifest(), agents=[agent])
    return Works(cast, agent, location)


def works_manifest() -> Manifest:
    """An op job with nested config, jobs by partition, and assets of two partitionings."""
    assets = [
        asset("raw"),
        asset("hourly_events", "raw", partitions="hourly"),
        asset("by_region", "raw", partitions="regions"),
        asset("daily_by_region", "raw", partitions="both"),
    ]
    return make_manifest(
        assets,
        location="works",
        jobs=_jobs([known.key for known in assets]),
        schedules=[Schedule(name="nightly", cron=["0 2 * * *"], timezone="Europe/Paris", job="press")],
        sensors=[Sensor(name="when_ordered", jobs=["press"], min_interval_seconds=30)],
        partitions_definitions=_partitions(),
        config_types=config_types(),
    )


def _jobs(keys: list[list[str]]) -> list[Job]:
    ops = [
        Op(name="melt", description="Heats it."),
        Op(name="shape", deps=["melt"], ops=[Op(name="cut"), Op(name="bend", deps=["cut"])]),
    ]
    return [
        Job(name="__ASSET_JOB", implicit=True, assets=keys),
        Job(
            name="press",
            description="Presses **plates**.",
            ops=ops,
            config="root",
            executor="in_process",
            run_tags={"team": "steel"},
        ),
        Job(name="hourly", assets=[["hourly_events"]], partitions="hourly"),
        Job(name="everything", assets=keys),
    ]


def _partitions() -> dict[str, PartitionsDefinition]:
    return {
        "hourly": PartitionsDefinition(
            kind="time_window",
            cls="HourlyPartitionsDefinition",
            start="2020-01-01T00:00:00",
            timezone="UTC",
            fmt="%Y-%m-%d-%H:%M",
            cron="0 * * * *",
        ),
        "daily": PartitionsDefinition(
            kind="time_window",
            cls="DailyPartitionsDefinition",
            start="2026-01-01T00:00:00",
            timezone="UTC",
            fmt="%Y-%m-%d",
            cron="0 0 * * *",
        ),
        "regions": PartitionsDefinition(kind="static", cls="StaticPartitionsDefinition", keys=["eu", "us"]),
        "both": PartitionsDefinition(
            kind="multi",
            cls="MultiPartitionsDefinition",
            dimensions=[Dimension(name="day", partitions="daily"), Dimension(name="region", partitions="regions")],
        ),
    }


def config_types() -> dict[str, ConfigType]:
    """Every kind of config type that dagster has, under the ops of the job `press`."""

    def field(name: str, of: str, **more: Any) -> ConfigField:
        return ConfigField(name=name, type=of, **more)

    def shape(*fields: ConfigField) -> ConfigType:
        return ConfigType(kind="STRICT_SHAPE", fields=list(fields))

    # The job has a config of its own: 900 degrees.
    ops = '{"melt": {"config": {"degrees": 900, "metal": "iron"}}}'
    return {
        "root": shape(field("ops", "ops", default=ops), field("execution", "execution")),
        "ops": shape(field("melt", "melt"), field("shape", "shape")),
        "melt": shape(field("config", "melt_config", required=True)),
        "melt_config": shape(
            field("degrees", "Int", required=True, description="How hot it gets."),
            field("metal", "Metal", default='"iron"'),
            field("slow", "Bool", default="false"),
            field("note", "MaybeText", default="null"),
            field("secret", "TextSource"),
            field("batches", "Ints", default="[]"),
            field("labels", "TextMap"),
            field("mould", "Mould"),
            field("more", "Open"),
            field("anything", "Any"),
        ),
        "shape": shape(field("config", "Any")),
        "execution": ConfigType(kind="SELECTOR", fields=[field("in_process", "empty"), field("multiprocess", "empty")]),
        "empty": shape(),
        "Int": ConfigType(kind="SCALAR", scalar="INT", given_name="Int"),
        "Text": ConfigType(kind="SCALAR", scalar="STRING", given_name="String"),
        "Bool": ConfigType(kind="SCALAR", scalar="BOOL", given_name="Bool"),
        "Metal": ConfigType(kind="ENUM", given_name="Metal", enum=["iron", "copper"]),
        "MaybeText": ConfigType(kind="NONEABLE", type_params=["Text"]),
        "Env": ConfigType(kind="SELECTOR", fields=[field("env", "Text", required=True)]),
        "TextSource": ConfigType(kind="SCALAR_UNION", type_params=["Text", "Env"]),
        "Ints": ConfigType(kind="ARRAY", type_params=["Int"]),
        "TextMap": ConfigType(kind="MAP", type_params=["Text", "Text"]),
        "Mould": ConfigType(kind="SELECTOR", fields=[field("sand", "sand"), field("steel", "empty")]),
        "sand": shape(field("grain", "Int", required=True)),
        "Open": ConfigType(kind="PERMISSIVE_SHAPE", fields=[field("known", "Text")]),
        "Any": ConfigType(kind="ANY", given_name="Any"),
    }


def make_hostile_works() -> Works:
    """The same under names that break careless pages, with an agent that went and a version that does not load."""
    works = make_works("hostile")
    cast, markup = works.cast, '<script>alert("x")</script><b>bold</b>'
    make_agent(cast, markup[:100], queues=["default", markup[:100], LONG[:100]])
    note_goodbye(org_id=cast.org_id, agent_id=make_agent(cast, LONG[:100]).id)
    jobs = [Job(name=LONG, description=markup, tags={LONG[:80]: markup}), Job(name="nightly", description=LONG * 3)]
    make_location(
        cast, markup, manifest=make_manifest(location=markup, jobs=jobs), deployed={"git_commit": markup[:40]}
    )
    version = deploy(cast, LONG[:200])
    error = ErrorInfo(
        message=f"ImportError: {markup}{LONG}\n",
        stack=[f'  File "{LONG}.py", line 1, in <module>\n', f"    {markup}\n"] * 40,
    )
    report = LocationReport(agent_id="", version_id=str(version.id), state=LocationState.FAILED, error=error)
    record_load(org_id=cast.org_id, version_id=version.id, report=report, loaded_elsewhere=False)
    return works
