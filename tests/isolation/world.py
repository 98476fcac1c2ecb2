"""Two organizations: Alice's, with one of everything that a route can name, and Mallory's, with nothing but herself."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.core.signals import got_request_exception
from django.utils import timezone

from agent.protocol import LogChunk, LogStream
from controlplane.audit_log.services import create_stream
from controlplane.definitions.manifest import Schedule, Sensor
from controlplane.delivery.promotions.services import promote
from controlplane.deployments.models import Promotion
from controlplane.dispatch.run_tokens import RunClaims, issue_run_token
from controlplane.external.wipes.services import go_on, wipe_asset
from controlplane.runs import log_store
from tenants.audit.models import AuditEvent
from tenants.ids import uuid7
from tenants.scoping import org_scope
from tenants.service_accounts import create_service_account
from tests.cast import Cast, make_cast
from tests.environment.variables import set_variable
from tests.factories import asset, make_agent, make_location, make_manifest
from tests.isolation.automation_of import automation_of
from tests.isolation.backfills_of import backfill_of, dynamic_partitions_of
from tests.isolation.branches import branch_name
from tests.isolation.git_of import GIT_PARAMETERS, git_of
from tests.isolation.people import PARAMETERS, people_of
from tests.isolation.queues import queue_of
from tests.isolation.routes import Route
from tests.isolation.sso_of import SSO_PARAMETERS, sso_of
from tests.runs.scripts import Sender, Stage

_SAME_EVERYWHERE = {"stream": "stdout", "seq": "1", "sha256": "0" * 64, "sha": "a" * 40}
_PARAMETER = re.compile(r"<\w+:(\w+)>")
# No agent answers here: a test of a schedule does not wait for one for long.
_HASTY = {"daggerboard/tick_timeout": "0.1"}
# What a route's parameter means when its name alone does not say it.
_NAMES = {"code-locations/<path:name>": "location", "<path:location>/<str:name>": "job"}
# Of deployments, but there for branch deployments only.
OF_BRANCHES = (
    "api/v1/organizations/<slug:org>/deployments/<slug:deployment>/changes/",
    "<slug:org>/<slug:deployment>/branch/",
    "<slug:org>/branches/<slug:deployment>/",
    "<slug:org>/d/<slug:deployment>",
)
# Queries without which a route refuses before it looks for anything.
_QUERIES = {
    "logs/<str:stream>/": {"log_key": "raw"},
    "logs/<str:stream>/lines/": {"log_key": "raw"},
    "logs/<str:stream>/search/": {"log_key": "raw", "q": "x"},
}


@dataclass(frozen=True)
class World:
    """`known` is what Alice's organization has, by the names of the parameters in routes."""

    alice: Cast
    mallory: Cast
    known: dict[str, str]

    def address(self, route: Route, *, org: Cast, guessed: bool = False) -> str:
        """A route in the organization of somebody, naming what Alice has, or (`guessed`) what nobody has."""
        values = (_nothing() if guessed else self.known) | {"org": org.org.slug, "deployment": "prod"}
        for ending, meaning in _NAMES.items():
            if route.pattern.endswith(ending):
                values["name"] = values[meaning]
        if route.pattern.startswith(OF_BRANCHES):
            values["deployment"] = values["branch"]
        return "/" + _PARAMETER.sub(lambda found: values[found[1]], route.pattern)

    def query(self, route: Route) -> dict[str, str]:
        found = [query for ending, query in _QUERIES.items() if route.pattern.endswith(ending)]
        return found[0] if found else {}

    @property
    def run_token(self) -> str:
        claims = RunClaims(org_id=self.alice.org_id, run_id=UUID(self.known["run_id"]), attempt=1, epoch=1)
        return issue_run_token(claims)


class WornWorld:
    """A world for many requests that change things, one after the other: making one takes longer than asking it.

    What an earlier request changed may be in the way of a later one. That one then gets a new world, and its verdict there counts;
    an error of the server is one in any world.
    """

    def __init__(self) -> None:
        self._world: World | None = None

    def see(self, check: Callable[[World], None]) -> None:
        """Run a check that raises when it does not hold, at most once in the old world and once in a new one."""
        if self._world is not None and self._holds(check, self._world):
            return
        self._world = make_world()
        check(self._world)

    def _holds(self, check: Callable[[World], None], world: World) -> bool:
        errors: list[object] = []

        def note(request: object, **_rest: object) -> None:
            errors.append(request)

        got_request_exception.connect(note)
        try:
            check(world)
        except Exception:
            if errors:
                raise
            return False
        finally:
            got_request_exception.disconnect(note)
        return True


def make_world() -> World:
    alice, mallory = make_cast("acme"), make_cast("outsider")
    agent = make_agent(alice)
    # Names that Mallory's organization cannot have by chance.
    mark = uuid7().hex
    manifest = make_manifest(
        [asset(f"a{mark}")],
        location=f"l{mark}",
        schedules=[Schedule(name="nightly", cron=["0 1 * * *"], job="nightly", default_status="RUNNING", tags=_HASTY)],
        sensors=[Sensor(name="nightly", jobs=["nightly"], default_status="RUNNING", tags=_HASTY)],
    )
    make_location(alice, f"l{mark}", manifest=manifest, agents=[agent])
    attempt = Stage(alice, agent).claimed(assets=[f"a{mark}"])
    attempt.start(f"a{mark}")
    _log(alice, agent.id, attempt)
    ids = {"run_id": attempt.run_id, "agent_id": agent.id, "token_id": alice.agent_token.token.id}
    account = create_service_account(org_id=alice.org_id, actor=alice.actor, name="ci")
    ids["service_account_id"] = account.id
    ids["variable_id"] = set_variable(alice, "PASSWORD").id
    branch = branch_name(alice)
    ids["backfill_id"] = backfill_of(alice, f"a{mark}")
    ids["wipe_id"] = _wipe(alice, f"a{mark}")
    ids["promotion_id"] = _promotion(alice.at(branch), f"l{mark}", into=alice)
    ids |= git_of(alice)
    ids["stream_id"] = _audit_stream(alice)
    ids["event_id"] = last_event(alice.org_id)
    known = {
        **{name: str(value) for name, value in ids.items()},
        **people_of(alice),
        **automation_of(alice, f"l{mark}"),
        **queue_of(alice, f"a{mark}"),
        **sso_of(alice),
        "definition": dynamic_partitions_of(alice, mark),
        "location": f"l{mark}",
        "branch": branch,
        "key": f"a{mark}",
        "job": "nightly",
        "name": "nightly",
        "text": "x",
        **_SAME_EVERYWHERE,
    }
    return World(alice, mallory, known)


def _promotion(branch: Cast, location: str, *, into: Cast) -> UUID:
    """One under way."""
    make_location(branch, location, deployed={"image": "shop:1"})
    source, target = branch.deployment, into.deployment
    made = promote(org_id=into.org_id, source=source, target=target, locations=None, actor=into.actor)
    with org_scope(into.org_id):
        # Far in the future: a sweep of some other test leaves it alone.
        Promotion.objects.for_org(into.org_id).update(state="loading", due_at=timezone.now() + timedelta(days=1))
    return made.id


def _wipe(alice: Cast, key: str) -> UUID:
    """One that is done, of a partition that nobody made."""
    deployment_id = alice.deployment.id
    made = wipe_asset(
        org_id=alice.org_id, deployment_id=deployment_id, asset_key=key, partitions=["gone"], actor=alice.actor
    )
    go_on(org_id=alice.org_id, wipe_id=made.id)
    return made.id


def _audit_stream(alice: Cast) -> UUID:
    setup = {"host": "logs.example.com"}
    made = create_stream(
        org_id=alice.org_id, name="siem", kind="syslog", setup=setup, from_beginning=False, actor=alice.actor
    )
    return made.stream.id


def last_event(org_id: UUID) -> UUID:
    """The newest event of an organization's audit log."""
    with org_scope(org_id):
        newest = AuditEvent.objects.for_org(org_id).order_by("-id").first()
    assert newest is not None  # making a cast records some
    return newest.id


def _nothing() -> dict[str, Any]:
    mark = uuid7().hex
    ids = {
        name: str(uuid7())
        for name in (
            *PARAMETERS,
            *SSO_PARAMETERS,
            *GIT_PARAMETERS,
            "run_id",
            "agent_id",
            "token_id",
            "service_account_id",
            "event_id",
            "promotion_id",
            "stream_id",
            "variable_id",
            "wipe_id",
            "backfill_id",
            "tick_id",
            "instigator_id",
            "bulk_action_id",
            "queued_run_id",
        )
    }
    words = dict.fromkeys(("definition", "location", "branch", "key", "job", "name", "text"), f"no{mark}")
    return {**ids, **words, **_SAME_EVERYWHERE}


def _log(alice: Cast, agent_id: UUID, attempt: Sender) -> None:
    claim = attempt.claim
    chunk = LogChunk(
        run_id=str(claim.run_id),
        attempt=claim.attempt,
        epoch=claim.epoch,
        log_key="raw",
        stream=LogStream.STDOUT,
        offset=0,
        data=b"secret of Alice",
    )
    log_store.append(org_id=alice.org_id, agent_id=agent_id, chunk=chunk)
