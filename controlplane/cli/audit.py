"""`daggerboard audit verify`: whether audit logs are as they were written. Runs where the control plane's settings are."""

from dataclasses import dataclass
from typing import Any

from controlplane.cli.accounts import set_up_django
from controlplane.cli.errors import CommandError, ExitCode
from controlplane.cli.output import say_json


@dataclass(frozen=True)
class _Outcome:
    slug: str
    events: int
    head: str
    broken: dict[str, Any] | None
    words: str


def verify_logs(slug: str | None, *, expect: str | None, as_json: bool) -> int:
    """Verify one organization's log, or all; print what came out. Returns the exit code: FAILED when one is broken."""
    set_up_django()
    from tenants.audit.verification import Head
    from tenants.errors import InvalidError
    from tenants.models import Organization

    if expect is not None and slug is None:
        raise CommandError("--expect is the head of one log: name its organization.", exit_code=ExitCode.USAGE)
    try:
        kept = Head.parse(expect) if expect is not None else None
    except InvalidError as error:
        raise CommandError(error.message, exit_code=ExitCode.USAGE) from error
    rows = Organization.objects.order_by("slug").only("id", "slug")
    if slug is not None and not (rows := rows.filter(slug=slug)):
        raise CommandError(f"There is no organization {slug}.", exit_code=ExitCode.NOT_FOUND)
    outcomes = [_verified(row.slug, row.id, kept) for row in rows]
    _say(outcomes, as_json=as_json)
    return ExitCode.FAILED if any(outcome.broken for outcome in outcomes) else 0


def print_deleted(*, as_json: bool) -> None:
    """Print the organizations that were deleted, with the heads of their logs."""
    set_up_django()
    from tenants.audit.models import AuditTombstone

    rows = [
        {
            "organization": row.slug,
            "id": str(row.organization_id),
            "deleted_at": row.deleted_at.isoformat(),
            "deleted_by": row.deleted_by,
            "head": f"{row.last_number}:{bytes(row.last_hash or b'').hex()}",
        }
        for row in AuditTombstone.objects.order_by("deleted_at")
    ]
    if as_json:
        say_json(rows)
    for row in [] if as_json else rows:
        print(f"{row['organization']} ({row['id']}): deleted {row['deleted_at']} by {row['deleted_by']}; {row['head']}")


def _verified(slug: str, org_id: Any, kept: Any) -> _Outcome:
    from tenants.audit.verification import verify

    found = verify(org_id, expected=kept)
    if found.broken is None:
        words = f"{slug}: {found.head.number:,} events, as they were written. Head {found.head}"
        return _Outcome(slug, found.head.number, str(found.head), None, words)
    broken = {
        "damage": found.broken.damage.value,
        "number": found.broken.number,
        "event": str(found.broken.event_id) if found.broken.event_id else None,
    }
    words = f"{slug}: BROKEN: {found.broken}. The chain holds up to {found.head}"
    return _Outcome(slug, found.head.number, str(found.head), broken, words)


def _say(outcomes: list[_Outcome], *, as_json: bool) -> None:
    if as_json:
        say_json([{"organization": o.slug, "events": o.events, "head": o.head, "broken": o.broken} for o in outcomes])
    for outcome in [] if as_json else outcomes:
        print(outcome.words)
