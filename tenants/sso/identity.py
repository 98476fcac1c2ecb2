"""Who the identity provider says has signed in, whatever it speaks."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from tenants.errors import ForbiddenError
from tenants.models import User

# Bounds of what a provider may tell: longer is cut for showing, and refused as subject or address.
MAX_SUBJECT = 500
_MAX_SHOWN = 500
_MAX_ATTRIBUTES = 60


class SsoRefusedError(ForbiddenError):
    """Single sign-on was refused."""

    code = "sso_refused"


@dataclass(frozen=True)
class Identity:
    """A verified statement of a provider. `email_verified` is None when it says nothing of that."""

    subject: str
    email: str
    name: str
    email_verified: bool | None = None
    # As received, for the test sign-in: never stored.
    attributes: Mapping[str, list[str]] = field(default_factory=dict)


def make_identity(
    *, subject: str, email: str, name: str, email_verified: bool | None, attributes: Mapping[str, object]
) -> Identity:
    """An Identity of checked length and form; SsoRefusedError when the subject is missing or cannot be kept."""
    if not subject.strip() or len(subject) > MAX_SUBJECT or "\0" in subject:
        raise SsoRefusedError(
            "The identity provider did not say who this is (no subject or NameID, or one longer than "
            f"{MAX_SUBJECT} characters). Correct the attribute mapping."
        )
    return Identity(
        subject=subject,
        email=_address(email),
        name=name.replace("\0", "").strip()[: User._meta.get_field("name").max_length],
        email_verified=email_verified,
        attributes=_shown(attributes),
    )


def _address(text: str) -> str:
    address = text.strip().lower()
    try:
        validate_email(address)
    except ValidationError:
        return ""
    return address


def _shown(attributes: Mapping[str, object]) -> dict[str, list[str]]:
    shown = {}
    for name, value in list(attributes.items())[:_MAX_ATTRIBUTES]:
        values = value if isinstance(value, list) else [value]
        shown[str(name)[:_MAX_SHOWN]] = [str(one)[:_MAX_SHOWN] for one in values[:_MAX_ATTRIBUTES]]
    return shown
