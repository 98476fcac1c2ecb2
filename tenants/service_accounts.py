"""Service accounts: identities for programs. They hold grants as people do (tenants/people/grants.py) and have tokens of their own."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Count, Max, Q, QuerySet
from django.utils import timezone

from tenants.access import Actor
from tenants.audit.services import AuditTarget, record
from tenants.errors import ConflictError, InvalidError, NotFoundError
from tenants.models import ApiToken, Grant, ServiceAccount
from tenants.scoping import org_scope
from tenants.token_changes import tokens_changed

_MAX_NAME = 100
_MAX_DESCRIPTION = 500


@dataclass(frozen=True)
class Changes:
    """What to change of a service account; None leaves as it is. An account that is not active is refused with all its tokens."""

    name: str | None = None
    description: str | None = None
    is_active: bool | None = None

    def given(self) -> dict[str, Any]:
        """What is to change, checked; InvalidError for a name or description that makes no sense."""
        found: dict[str, Any] = {}
        if self.name is not None:
            found["name"] = _checked_name(self.name)
        if self.description is not None:
            found["description"] = _checked_description(self.description)
        if self.is_active is not None:
            found["is_active"] = self.is_active
        return found


def service_accounts(org_id: UUID) -> QuerySet[ServiceAccount]:
    """Every service account; read it inside org_scope."""
    return ServiceAccount.objects.for_org(org_id)


def service_account(org_id: UUID, account_id: UUID) -> ServiceAccount:
    """One service account; NotFoundError when there is none. Call it inside org_scope."""
    found = service_accounts(org_id).filter(id=account_id).first()
    if found is None:
        raise NotFoundError("There is no such service account.")
    return found


def token_counts(org_id: UUID, account_ids: list[UUID]) -> dict[UUID, dict[str, Any]]:
    """How many live tokens each account has, and when one was used last: `{id: {"count", "last_used_at"}}`. Inside org_scope."""
    live = Q(revoked_at=None) & (Q(expires_at=None) | Q(expires_at__gt=timezone.now()))
    rows = ApiToken.objects.for_org(org_id).filter(service_account_id__in=account_ids)
    counted = rows.values("service_account_id").annotate(count=Count("id", filter=live), used=Max("last_used_at"))
    return {row["service_account_id"]: {"count": row["count"], "last_used_at": row["used"]} for row in counted}


def create_service_account(*, org_id: UUID, actor: Actor, name: str, description: str = "") -> ServiceAccount:
    """Add one, which holds nothing yet; ConflictError when the name is taken."""
    fields = {"name": _checked_name(name), "description": _checked_description(description)}
    with org_scope(org_id):
        try:
            with transaction.atomic():
                account = ServiceAccount.objects.create_in(org_id, **fields, created_by=actor.label[:254])
        except IntegrityError as error:
            raise _taken(fields["name"]) from error
        _record(actor, "create", account, after=_facts(account))
    return account


def update_service_account(*, org_id: UUID, actor: Actor, account_id: UUID, changes: Changes) -> ServiceAccount:
    """Rename, describe, disable or enable one. Disabled, its tokens are refused within five seconds."""
    given = changes.given()
    with org_scope(org_id):
        account = _locked(org_id, account_id)
        before = _facts(account)
        for field, value in given.items():
            setattr(account, field, value)
        try:
            with transaction.atomic():
                ServiceAccount.objects.for_org(org_id).filter(id=account.id).update(**given)
        except IntegrityError as error:
            raise _taken(account.name) from error
        _record(actor, "update", account, before=before, after=_facts(account))
        tokens_changed(org_id)
    return account


def delete_service_account(*, org_id: UUID, actor: Actor, account_id: UUID) -> None:
    """Take one away, with its grants and tokens."""
    with org_scope(org_id):
        account = _locked(org_id, account_id)
        tokens = ApiToken.objects.for_org(org_id).filter(service_account_id=account.id)
        grants = Grant.objects.for_org(org_id).filter(service_account_id=account.id)
        gone = {"token_names": sorted(tokens.values_list("name", flat=True)), "grants": grants.count()}
        tokens.delete()
        grants.delete()
        ServiceAccount.objects.for_org(org_id).filter(id=account.id).delete()
        _record(actor, "delete", account, before={**_facts(account), **gone})
        tokens_changed(org_id)


def _locked(org_id: UUID, account_id: UUID) -> ServiceAccount:
    found = service_accounts(org_id).select_for_update(no_key=True).filter(id=account_id).first()
    if found is None:
        raise NotFoundError("There is no such service account.")
    return found


def _checked_name(name: str) -> str:
    found = name.strip()
    if not found or len(found) > _MAX_NAME or not found.isprintable():
        raise InvalidError(f"The name of a service account is 1 to {_MAX_NAME} printable characters.", attr="name")
    return found


def _checked_description(text: str) -> str:
    if len(text) > _MAX_DESCRIPTION:
        raise InvalidError(f"A description is at most {_MAX_DESCRIPTION} characters.", attr="description")
    return text.strip()


def _taken(name: str) -> ConflictError:
    return ConflictError(f"There is already a service account called {name}.", attr="name")


def _facts(account: ServiceAccount) -> dict[str, Any]:
    return {"name": account.name, "description": account.description, "is_active": account.is_active}


def _record(actor: Actor, verb: str, account: ServiceAccount, **facts: Any) -> None:
    target = AuditTarget("service_account", account.id, account.name)
    record(org_id=account.org_id, actor=actor, action=f"service_account.{verb}", target=target, **facts)
