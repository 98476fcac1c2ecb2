"""After a new master key: what is sealed for people is sealed anew, so that older keys can go."""

from allauth.mfa.models import Authenticator
from allauth.mfa.utils import decrypt, encrypt
from django.db import transaction

from tenants.accounts.outbox import reseal_waiting

# Under which names authenticators keep what is sealed (allauth's).
_SEALED = ("secret", "seed")


def reseal_personal_secrets() -> int:
    """Seal every second step and waiting mail under the newest master key; how many second steps there were."""
    ids = list(Authenticator.objects.exclude(type=Authenticator.Type.WEBAUTHN).values_list("pk", flat=True))
    for authenticator_id in ids:
        _reseal(authenticator_id)
    reseal_waiting()
    return len(ids)


@transaction.atomic
def _reseal(authenticator_id: int) -> None:
    row = Authenticator.objects.select_for_update().filter(pk=authenticator_id).first()
    if row is not None:
        row.data |= {name: encrypt(decrypt(row.data[name])) for name in _SEALED if name in row.data}
        row.save(update_fields=["data"])
