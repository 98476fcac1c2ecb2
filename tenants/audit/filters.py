"""What of the audit log is asked for: the filters of the page, the API and exports, read from a query in one place."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from uuid import UUID

from django.db.models import Q
from django.utils.dateparse import parse_date, parse_datetime

from tenants.errors import InvalidError
from tenants.people.places import places

RESULTS = ("success", "refused", "failure")
# The value of `deployment` that means every branch deployment there is.
ALL_BRANCHES = "branches"


@dataclass(frozen=True)
class AuditFilter:
    """Conditions that all hold; None or empty for any."""

    actor: str = ""
    # `subject.verb`, or a subject for all of its verbs.
    action: str = ""
    deployment_ids: tuple[UUID, ...] | None = None
    since: datetime.datetime | None = None
    until: datetime.datetime | None = None
    address: str = ""
    result: str = ""
    # The id of what it was done to.
    target: str = ""

    def condition(self) -> Q:
        """As a condition on AuditEvent."""
        found = Q()
        if self.actor:
            found &= Q(actor_label__icontains=self.actor) | (_id_condition(self.actor))
        if self.action:
            found &= Q(action=self.action) | Q(action__startswith=f"{self.action}.")
        if self.deployment_ids is not None:
            found &= Q(deployment_id__in=self.deployment_ids)
        if self.since is not None:
            found &= Q(at__gte=self.since)
        if self.until is not None:
            found &= Q(at__lt=self.until)
        exact = {"address": self.address, "result": self.result, "target_id": self.target}
        return found & Q(**{name: value for name, value in exact.items() if value})


def read_filter(org_id: UUID, query: Mapping[str, str]) -> AuditFilter:
    """Read `actor`, `action`, `deployment` (a name, or `branches` for all branch deployments), `since`, `until`, `address`, `result`,
    `target`; InvalidError names the one that makes no sense. Call it inside org_scope.
    """
    text = {name: query.get(name, "").strip() for name in ("actor", "action", "address", "result", "target")}
    if text["result"] and text["result"] not in RESULTS:
        raise InvalidError(f"result is one of {', '.join(RESULTS)}.", attr="result")
    since, until = (_moment(query.get(name, ""), attr=name) for name in ("since", "until"))
    if since and until and since >= until:
        raise InvalidError("until must be after since.", attr="until")
    return AuditFilter(
        actor=text["actor"][:254],
        action=text["action"][:60],
        deployment_ids=_deployments(org_id, query.get("deployment", "").strip()),
        since=since,
        until=until,
        address=_address(text["address"]),
        result=text["result"],
        target=text["target"][:100],
    )


def _id_condition(text: str) -> Q:
    try:
        return Q(actor_id=UUID(text))
    except ValueError:
        return Q()


def _deployments(org_id: UUID, name: str) -> tuple[UUID, ...] | None:
    if not name:
        return None
    known = places(org_id).items()
    if name == ALL_BRANCHES:
        return tuple(found for found, named in known if named.place.is_branch)
    chosen = tuple(found for found, named in known if named.name == name)
    if not chosen:
        raise InvalidError(f"There is no deployment called {name[:100]}.", attr="deployment")
    return chosen


def _moment(text: str, *, attr: str) -> datetime.datetime | None:
    """A date means its first moment; without a time zone, UTC is meant."""
    text = text.strip()
    if not text:
        return None
    try:
        day = parse_date(text)
        found = datetime.datetime.combine(day, datetime.time()) if day else parse_datetime(text.replace(" ", "+"))
        # Postgres knows no zones as far off as Python does, and neither knows years before the first.
        found = found and (found.astimezone(datetime.UTC) if found.tzinfo else found.replace(tzinfo=datetime.UTC))
    except (ValueError, OverflowError):
        found = None
    if found is None:
        raise InvalidError(f"{attr} is a date or time such as 2026-11-21 or 2026-11-21T13:45:00Z.", attr=attr)
    return found


def _address(text: str) -> str:
    if not text:
        return ""
    try:
        return str(ip_address(text))
    except ValueError as error:
        raise InvalidError(f"{text[:60]!r} is not a network address.", attr="address") from error
