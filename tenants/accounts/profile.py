"""What a person says of themselves."""

from django.db import transaction

from tenants.accounts.audit import record_of
from tenants.errors import InvalidError
from tenants.models import User

_MAX_NAME = 200


@transaction.atomic
def rename(user: User, name: str, *, address: str) -> None:
    """Change what a person is called; InvalidError for a name that cannot be shown."""
    wanted = name.strip()
    if len(wanted) > _MAX_NAME or not wanted.isprintable():
        raise InvalidError(f"A name has at most {_MAX_NAME} characters, all of them printable.", attr="name")
    before, user.name = user.name, wanted
    user.save(update_fields=["name"])
    record_of(user, "user.rename", address=address, before={"name": before}, after={"name": wanted})
