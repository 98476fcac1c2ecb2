"""The way back in for somebody who has lost app, keys and recovery codes."""

from allauth.mfa.models import Authenticator
from django.db import transaction

from tenants.access import SYSTEM, Principal, organizations_of
from tenants.audit.services import AuditTarget, record
from tenants.models import User


@transaction.atomic
def remove_all(user: User) -> int:
    """Remove every second step of a person, as whoever runs the installation; how many there were."""
    authenticators = list(Authenticator.objects.filter(user=user))
    for authenticator in authenticators:
        authenticator.delete()
    if authenticators:
        target = AuditTarget(kind="user", id=user.pk, label=user.email)
        types = sorted({str(known.type) for known in authenticators})
        for org in organizations_of(Principal(user=user)):
            record(org_id=org.id, actor=SYSTEM, action="mfa.disable", target=target, before={"types": types})
    return len(authenticators)
