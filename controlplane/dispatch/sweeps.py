"""Ends of commands that nobody else ends: calls past their deadline, launches of runs that went on, and what is old."""

import datetime
from uuid import UUID

import structlog
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from controlplane.dispatch.models import Command, CommandKind, CommandState
from controlplane.dispatch.services import OPEN
from controlplane.runs.models import Run
from controlplane.runs.states import TERMINAL
from tenants.scoping import org_scope

log = structlog.get_logger(__name__)

# A command is a message, not history: the run and the call's answer are kept elsewhere.
_KEPT = datetime.timedelta(days=7)
# Calls that were accepted and never answered are as dead as those that were never delivered.
_UNANSWERED = (*OPEN, CommandState.ACCEPTED)
_REASON = "end commands that are past"


def sweep_commands() -> None:
    """End what is past, one organization after the other."""
    ends = _past(Command.objects.across_orgs(reason=_REASON)) | _old(Command.objects.across_orgs(reason=_REASON))
    for org_id in ends.values_list("org_id", flat=True).distinct():
        sweep_organization(org_id)


def sweep_organization(org_id: UUID) -> None:
    """End what is past in one organization."""
    with org_scope(org_id):
        ended = _past(Command.objects.for_org(org_id)).update(
            state=CommandState.EXPIRED, finished_at=Now(), lease_until=None
        )
        dropped, _ = _old(Command.objects.for_org(org_id)).delete()
    if ended or dropped:
        log.info("commands.swept", org=str(org_id), expired=ended, dropped=dropped)


def _past(commands: QuerySet[Command]) -> QuerySet[Command]:
    """Past their deadline, or launches of attempts that are not the run's any more."""
    attempt = Run.unscoped.filter(
        org_id=OuterRef("org_id"), id=OuterRef("run_id"), attempt=OuterRef("attempt"), agent_id=OuterRef("agent_id")
    ).exclude(status__in=TERMINAL)
    overdue = Q(state__in=_UNANSWERED, expires_at__lte=Now())
    overtaken = Q(state__in=OPEN, kind__in=[CommandKind.LAUNCH, CommandKind.CANCEL]) & ~Q(Exists(attempt))
    return commands.filter(overdue | overtaken)


def _old(commands: QuerySet[Command]) -> QuerySet[Command]:
    return commands.exclude(state__in=OPEN).filter(created_at__lt=Now() - _KEPT)
