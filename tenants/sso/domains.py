"""What changes domains: adding, verifying by DNS, enforcing single sign-on."""

import secrets
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from tenants.access import Actor
from tenants.audit.services import AuditTarget, record
from tenants.errors import ConflictError, UnavailableError
from tenants.scoping import org_scope
from tenants.sso import selectors
from tenants.sso.dns import txt_records
from tenants.sso.domain_names import clean_domain
from tenants.sso.models import SsoDomain

# What stands before the token in the TXT record.
RECORD_PREFIX = "daggerboard-verification="
_MAX_DOMAINS = 100


def record_of(domain: SsoDomain) -> str:
    """The TXT record that proves the domain."""
    return f"{RECORD_PREFIX}{domain.token}"


def add_domain(*, org_id: UUID, name: str, actor: Actor) -> SsoDomain:
    """Say that a domain is the organization's. It counts for nothing until it is verified."""
    cleaned = clean_domain(name)
    with org_scope(org_id):
        if selectors.domains(org_id).count() >= _MAX_DOMAINS:
            raise ConflictError(f"An organization has {_MAX_DOMAINS} domains at most. Remove one first.", attr="name")
        try:
            with transaction.atomic():
                domain = SsoDomain.objects.create_in(org_id, name=cleaned, token=secrets.token_hex(20))
        except IntegrityError as error:
            raise ConflictError(f"{cleaned} is on the list already.", attr="name") from error
        record(org_id=org_id, actor=actor, action="sso_domain.create", target=_target(domain))
    return domain


def verify_domain(*, org_id: UUID, domain_id: UUID, actor: Actor) -> SsoDomain:
    """Look the TXT record up now. A domain whose record is gone is verified no longer, and enforces nothing any more.

    What was found is on the row (`check_error`); ConflictError when another organization has verified the domain.
    """
    with org_scope(org_id):
        name = selectors.domain(org_id, domain_id).name
    try:
        found, problem = txt_records(name), ""
    except UnavailableError as error:
        # An outage of name servers takes nothing away.
        found, problem = None, error.message
    with org_scope(org_id):
        domain = SsoDomain.objects.for_org(org_id).select_for_update().get(id=domain_id)
        before = domain.verified_at is not None
        domain.checked_at, domain.check_error = timezone.now(), problem
        if found is not None:
            _judge(domain, found)
        _save_verified(domain)
        after = domain.verified_at is not None
        action = "sso_domain.verify" if after or not before else "sso_domain.unverify"
        record(
            org_id=org_id,
            actor=actor,
            action=action,
            target=_target(domain),
            before={"verified": before},
            after={"verified": after},
            result="success" if after else "failure",
            reason=domain.check_error,
        )
    return domain


def _judge(domain: SsoDomain, found: list[str]) -> None:
    if record_of(domain) in {text.strip() for text in found}:
        domain.verified_at = domain.verified_at or timezone.now()
        return
    others = [text for text in found if text.startswith(RECORD_PREFIX)]
    domain.verified_at, domain.is_enforced = None, False
    domain.check_error = (
        f"{domain.name} has a record {others[0][:100]}, which is not this one. Put the one shown here."
        if others
        else f"{domain.name} has no TXT record that begins with {RECORD_PREFIX}. New records can take an hour to be seen."
    )


def _save_verified(domain: SsoDomain) -> None:
    try:
        with transaction.atomic():
            domain.save()
    except IntegrityError as error:
        raise ConflictError(
            f"{domain.name} is verified by another organization of this installation. It has to remove the domain first."
        ) from error


def set_domain(
    *, org_id: UUID, domain_id: UUID, connection_id: UUID | None, is_enforced: bool, actor: Actor
) -> SsoDomain:
    """Choose the connection that people of a domain are sent to, and whether it is their only way in."""
    with org_scope(org_id):
        domain = SsoDomain.objects.for_org(org_id).select_for_update().filter(id=domain_id).first()
        domain = domain or selectors.domain(org_id, domain_id)
        before = _state(domain)
        connection = selectors.connection(org_id, connection_id) if connection_id else None
        if connection is not None and domain.verified_at is None:
            raise ConflictError(f"{domain.name} is not verified yet. Add the TXT record and check it first.")
        if is_enforced and (connection is None or not connection.is_enabled):
            raise ConflictError("Only an enabled connection can be enforced: nobody could sign in otherwise.")
        if is_enforced and connection and (connection.tested_at is None or connection.test_error):
            raise ConflictError(
                f"Run a test sign-in of {connection.name} first: nobody could sign in if it does not work."
            )
        domain.connection, domain.is_enforced = connection, is_enforced
        domain.save(update_fields=["connection", "is_enforced"])
        record(
            org_id=org_id,
            actor=actor,
            action="sso_domain.update",
            target=_target(domain),
            before=before,
            after=_state(domain),
        )
    return domain


def remove_domain(*, org_id: UUID, domain_id: UUID, actor: Actor) -> None:
    """Give a domain up; identities that are linked already stay linked."""
    with org_scope(org_id):
        domain = selectors.domain(org_id, domain_id)
        record(org_id=org_id, actor=actor, action="sso_domain.delete", target=_target(domain), before=_state(domain))
        domain.delete()


def _state(domain: SsoDomain) -> dict[str, object]:
    return {
        "verified": domain.verified_at is not None,
        "connection": str(domain.connection_id or ""),
        "enforced": domain.is_enforced,
    }


def _target(domain: SsoDomain) -> AuditTarget:
    return AuditTarget("sso_domain", domain.id, domain.name)
