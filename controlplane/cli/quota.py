"""`daggerboard quota`: what one organization may use, beside what all may. Runs where the control plane's settings are."""

from uuid import UUID

from controlplane.cli.accounts import set_up_django
from controlplane.cli.errors import CommandError, ExitCode
from controlplane.cli.output import say_json, say_table


def list_quotas(slug: str, *, as_json: bool) -> None:
    """Print limits and use."""
    set_up_django()
    from controlplane.runs.quota_usage import quota_use

    lines = quota_use(_organization_id(slug))
    if as_json:
        say_json([{"name": u.quota.name, "used": u.used, "limit": u.quota.limit, "own": u.quota.is_own} for u in lines])
        return
    say_table(
        ("QUOTA", "USED", "LIMIT", "SET FOR"),
        ([u.quota.name, _count(u.used), u.quota.limit or "none", slug if u.quota.is_own else "all"] for u in lines),
        empty="",
    )


def set_quota(slug: str, name: str, value: int | None) -> None:
    """Give the organization a quota of its own; with None, the installation's again."""
    set_up_django()
    from tenants.access import SYSTEM
    from tenants.limits.models import QuotaName
    from tenants.limits.quotas import set_quota as store

    if name not in QuotaName:
        raise CommandError(f"There is no quota {name}. There are: {', '.join(QuotaName)}.", exit_code=ExitCode.USAGE)
    store(org_id=_organization_id(slug), name=QuotaName(name), value=value, actor=SYSTEM)


def _count(used: int | None) -> str:
    return "-" if used is None else str(used)


def _organization_id(slug: str) -> UUID:
    from tenants.models import Organization

    found = Organization.objects.filter(slug=slug).values_list("id", flat=True).first()
    if found is None:
        raise CommandError(f"There is no organization {slug}.", exit_code=ExitCode.NOT_FOUND)
    return found
