"""Alice's organization with things that some of its people may not know of. Whatever is hidden from them has `canary` in its name."""

import re
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from agent.protocol import LogChunk, LogStream, Usage
from controlplane.definitions.manifest import (
    Check,
    ConfigField,
    ConfigType,
    Job,
    Manifest,
    Op,
    PartitionsDefinition,
    Schedule,
    Sensor,
)
from controlplane.fleet.models import Agent
from controlplane.runs import log_store
from tenants.models import Effect, Role, TargetKind, User
from tenants.scoping import org_scope
from tests.cast import Cast
from tests.factories import asset, make_location, make_manifest
from tests.isolation.automation_of import tick_once
from tests.isolation.world import World, make_world
from tests.runs.scripts import Sender, Stage, materialization
from tests.tenants.people import deny, make_team, of_team, person
from tests.tenants.people import hold as give

CANARY = re.compile(rb"canary", re.IGNORECASE)
# What dagster notes of the inputs of `after`.
_INPUTS = {
    "dagster/input_data_version/canaryasset": "1",
    "dagster/input_data_version/plain": "2",
    "dagster/data_version": "3",
}
# Every word that must show to whoever may see all, so that its absence says something.
WORDS = {
    "canaryplace", "canaryfar", "canaryops", "canaryop", "canaryasset", "canaryjob", "canarygroup", "canarykind", "canarytag",
    "canaryowner", "canarycheck", "canarypartition", "canarymetadata", "canarymessage", "canarylog", "canaryruntag",
    "canarydescription", "canaryschedule", "canarysensor", "canaryconfig", "canaryseries",
}  # fmt: skip


@dataclass
class Hidden:
    """The world, its hidden runs by what hides them, and people by what they may see of it."""

    world: World
    agent: Agent
    runs: dict[str, UUID] = field(default_factory=dict)
    people: dict[str, User] = field(default_factory=dict)
    # Ids of each schedule and sensor, and of a tick of it, by its name.
    ticked: dict[str, dict[str, str]] = field(default_factory=dict)
    # What a person sees, as parameters of routes, where it is not what is seen of `mixed`.
    seen: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def cast(self) -> Cast:
        return self.world.alice

    def known_to(self, name: str) -> dict[str, str]:
        """Parameters that name what this person sees."""
        return self.world.known | self.seen.get(name, self.of_mixed)

    @property
    def of_mixed(self) -> dict[str, str]:
        return {
            "location": "mixed",
            "key": "plain",
            "job": "blend",
            "name": "blend",
            "run_id": str(self.runs["plain"]),
            **self.ticked["blend"],
        }

    @property
    def hidden_parameters(self) -> list[dict[str, str]]:
        """Parameters that name what is hidden."""
        far = {"location": "canaryplace", "key": "canaryfar", "job": "canaryops", "name": "canarysensor"}
        near = {"location": "mixed", "key": "canaryasset", "job": "canaryjob", "name": "canaryschedule"}
        far, near = (one | self.ticked[one["name"]] for one in (far, near))
        return [far | {"run_id": str(self.runs["far"])}] + [
            near | {"run_id": str(self.runs[r])} for r in ("near", "both")
        ]


def make_hidden() -> Hidden:
    world = make_world()
    with org_scope(world.alice.org_id):
        agent = Agent.objects.for_org(world.alice.org_id).get(id=UUID(world.known["agent_id"]))
    made = Hidden(world, agent)
    _locations(made)
    _runs(made)
    _people(made)
    return made


def _locations(made: Hidden) -> None:
    make_location(made.cast, "mixed", manifest=_mixed(), agents=[made.agent])
    far = make_manifest(
        [asset("canaryfar", "plain", group="canarygroup")],
        location="canaryplace",
        jobs=[
            Job(name="__ASSET_JOB", implicit=True, assets=[["canaryfar"]]),
            Job(name="canaryops", description="canarydescription", ops=[Op(name="canaryop")]),
        ],
        sensors=[Sensor(name="canarysensor", jobs=["canaryops"])],
    )
    make_location(made.cast, "canaryplace", manifest=far, agents=[made.agent])
    made.ticked = tick_once(made.cast, {"mixed", "canaryplace"}, "canary")


def _mixed() -> Manifest:
    """`plain` -> `canaryasset` -> `after`: the outer ones are seen, the one between them is not."""
    open_ = {"group": "open", "tags": {"open": "yes"}, "owners": ["team:openers"]}
    assets = [
        asset("plain", **open_),
        asset(
            "canaryasset", "plain", group="canarygroup", kinds=["canarykind"], tags={"canarytag": "yes"},
            owners=["team:canaryowner"], description="canarydescription", partitions="static", op_names=["canaryconfig"],
        ),
        asset("after", "canaryasset", **open_),
    ]  # fmt: skip
    keys = [known.key for known in assets]
    return make_manifest(
        assets,
        location="mixed",
        checks=[Check(asset=["canaryasset"], name="canarycheck"), Check(asset=["plain"], name="fine")],
        jobs=[
            Job(
                name="__ASSET_JOB", implicit=True, assets=keys, checks=[(["canaryasset"], "canarycheck")], config="root"
            ),
            Job(name="blend", assets=keys, checks=[(["canaryasset"], "canarycheck")], config="root"),
            Job(name="canaryjob", assets=[["canaryasset"]], partitions="static"),
        ],
        schedules=[
            Schedule(name="canaryschedule", cron=["0 1 * * *"], job="canaryjob"),
            # Seen, and what it says may be of what is hidden.
            Schedule(name="blend", cron=["0 1 * * *"], job="blend"),
        ],
        partitions_definitions={
            "static": PartitionsDefinition(kind="static", cls="StaticPartitionsDefinition", keys=["canarypartition"])
        },
        config_types=_config(),
    )


def _config() -> dict[str, ConfigType]:
    ops = [ConfigField(name="canaryconfig", type="any"), ConfigField(name="plain", type="any")]
    return {
        "root": ConfigType(
            kind="STRICT_SHAPE", fields=[ConfigField(name="ops", type="ops", default='{"canaryconfig": {}}')]
        ),
        "ops": ConfigType(kind="STRICT_SHAPE", fields=ops),
        "any": ConfigType(kind="ANY", given_name="Any"),
    }


def _runs(made: Hidden) -> None:
    stage = Stage(made.cast, made.agent)
    made.runs["plain"] = _play(stage, ["plain"], word="calm", assets=["plain"])
    made.runs["after"] = _play(stage, ["after"], word="calm", assets=["after"])
    made.runs["near"] = _play(
        stage, ["canaryasset"], word="canary", assets=["canaryasset"], partition="canarypartition"
    )
    made.runs["both"] = _play(
        stage, ["plain", "canaryasset"], word="canary", assets=["plain", "canaryasset"], partition="canarypartition"
    )
    made.runs["far"] = _play(stage, ["canaryfar"], word="canary", assets=["canaryfar"])
    made.runs["ops"] = _play(stage, [], word="canary", job="canaryops")
    made.runs["checks"] = _play(stage, [], word="canary", checks=["canaryasset:canarycheck"])


def _play(stage: Stage, steps: list[str], *, word: str, **request: Any) -> UUID:
    """A run that ends well, and says its word wherever a run says anything."""
    run = stage.claimed(**request, tags={f"{word}runtag": word})
    run.start(*(steps or ["op"]))
    for step in steps:
        partition = request.get("partition") if step == "canaryasset" else None
        said = "canary" if step.startswith("canary") else "calm"
        entries = {f"{said}metadata": {"type": "text", "value": said}, f"{said}series": {"type": "int", "value": 7}}
        made = materialization(step, partition, metadata=entries, tags=_INPUTS if step == "after" else {})
        run.event("STEP_START", step=step, message=f"{word}message")
        run.event("ASSET_MATERIALIZATION", step=step, data=made, serdes="{}", message=f"{word}message")
        if step == "canaryasset":
            check = {"asset": [step], "name": "canarycheck", "passed": True, "severity": "ERROR", "metadata": {}}
            run.event("ASSET_CHECK_EVALUATION", step=step, data={"check": check}, message=f"{word}message", serdes="{}")
        usage = Usage(wall_seconds=9, cpu_seconds=9, peak_rss_bytes=1, gib_seconds=1)
        run.event("STEP_SUCCESS", step=step, message=f"{word}message", usage=usage)
        _print(run, step, f"{word}log\n".encode())
    run.event("PIPELINE_SUCCESS", message=f"{word}message")
    run.say(
        "AGENT_EXITED",
        data={"exit_code": 0, "signal": None, "cpu_seconds": 1.0, "max_rss_bytes": 1, "reason": "finished"},
    )
    return run.run_id


def _print(run: Sender, key: str, data: bytes) -> None:
    chunk = LogChunk(
        run_id=str(run.run_id), attempt=run.claim.attempt, epoch=run.claim.epoch, log_key=key, stream=LogStream.STDOUT,
        offset=0, data=data, final=True,
    )  # fmt: skip
    log_store.append(org_id=run.stage.org_id, agent_id=run.stage.agent.id, chunk=chunk)


# By what an editor of everything is denied, beside the code location `canaryplace`.
DENIALS = {
    "denies a group": {"target": TargetKind.GROUP, "target_value": "canarygroup"},
    "denies a tag": {"target": TargetKind.TAG, "target_value": "canarytag"},
    "denies a tag of a value": {"target": TargetKind.TAG, "target_value": "canarytag=yes"},
    "denies a selection": {"target": TargetKind.SELECTION, "target_value": "key:canary* or kind:canarykind"},
}
# By what an editor of nothing else is granted. Each of them covers `plain` and `after`.
GRANTS = {
    "has a group": {"target": TargetKind.GROUP, "target_value": "open"},
    "has a tag": {"target": TargetKind.TAG, "target_value": "open"},
    "has a selection": {"target": TargetKind.SELECTION, "target_value": "key:plain or key:after"},
    "has what one's team owns": {"target": TargetKind.OWNED, "target_value": ""},
}
# What names something of the location that the world has.
_SEEN_OF_WORLD = ("location", "key", "job", "name", "run_id", "instigator_id", "tick_id")


def _people(made: Hidden) -> None:
    cast = made.cast
    for name, terms in DENIALS.items():
        made.people[name] = person(cast, Role.EDITOR)
        deny(cast, made.people[name], **terms)
        deny(cast, made.people[name], target=TargetKind.LOCATION, target_value="canaryplace")
    for name, terms in GRANTS.items():
        made.people[name] = person(cast, Role.EDITOR, **terms)
    make_team(cast, made.people["has what one's team owns"], name="openers")
    location = made.world.known["location"]
    made.people["has a location"] = person(cast, Role.EDITOR, target=TargetKind.LOCATION, target_value=location)
    made.seen["has a location"] = {n: made.world.known[n] for n in _SEEN_OF_WORLD}
    made.people["has a role by one team and a denial by another"] = _of_two_teams(cast)


def _of_two_teams(cast: Cast) -> User:
    user = person(cast)
    give(cast, of_team(make_team(cast, user)), role=Role.EDITOR)
    restricted = make_team(cast, user)
    for kind, value in ((TargetKind.LOCATION, "canaryplace"), (TargetKind.SELECTION, "key:canary*")):
        give(cast, of_team(restricted), effect=Effect.DENY, target=kind, target_value=value)
    return user
