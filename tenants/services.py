"""What changes accounts: organizations, members, sign-in links. Tokens are in token_services.py."""

import datetime
from collections.abc import Callable
from uuid import UUID

from allauth.account.models import EmailAddress
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.text import slugify

from tenants.access import Org
from tenants.errors import ConflictError, InvalidError, NotFoundError
from tenants.models import (
    Grant,
    GrantScope,
    Membership,
    Organization,
    Role,
    SignInLink,
    User,
)
from tenants.scoping import org_scope
from tenants.tokens import digest, new_secret, parse_token, token_text

# First words of addresses that are not an organization's, now or likely one day.
RESERVED_SLUGS = frozenset(
    {"about", "account", "admin", "agent", "api", "app", "appearance", "auth", "billing", "docs", "favicon", "healthz"}
    | {"help", "invite", "login", "logout", "media", "metrics", "new", "organizations", "readyz", "robots", "scim"}
    | {
        "pipes",
        "security",
        "sessions",
        "settings",
        "sign-in",
        "sign-out",
        "sign-up",
        "sso",
        "static",
        "status",
        "support",
        "user",
        "webhooks",
    }
)
_SLUG_MAX = 64
SIGN_IN_LINK_LIFE = datetime.timedelta(minutes=30)


def create_user(*, email: str, password: str | None = None, name: str = "", email_is_verified: bool = False) -> User:
    """Add a person; ConflictError when the e-mail address is taken. Without a password, a mail or a sign-in link is the way in.

    `email_is_verified` only when the address is known to be theirs: whoever has it elsewhere, proved there, can then sign in here.
    """
    user = User(email=email.strip().lower(), name=name)
    _check(lambda: validate_email(user.email), attr="email")
    if password is None:
        user.set_unusable_password()
    else:
        _check(lambda: validate_password(password, user), attr="password")
        user.set_password(password)
    try:
        with transaction.atomic():
            user.save(force_insert=True)
            EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=email_is_verified)
    except IntegrityError as error:
        raise ConflictError(f"There is already an account for {user.email}.", attr="email") from error
    return user


def _check(validate: Callable[[], None], *, attr: str) -> None:
    try:
        validate()
    except ValidationError as error:
        raise InvalidError(" ".join(error.messages), attr=attr) from error


@transaction.atomic
def create_organization(*, slug: str, name: str, owner: User) -> Org:
    """Add an organization, with its first member as Organization Admin."""
    check_slug(slug)
    try:
        with transaction.atomic():
            organization = Organization.objects.create(slug=slug, name=name)
    except IntegrityError as error:
        raise ConflictError(f"There is already an organization called {slug}.", attr="slug") from error
    add_member(org_id=organization.id, user=owner, role=Role.ORGANIZATION_ADMIN)
    return Org.of(organization)


def check_slug(slug: str) -> None:
    """InvalidError unless it can be the first word of an organization's addresses."""
    if not slug or len(slug) > _SLUG_MAX or slugify(slug) != slug:
        raise InvalidError(f"A slug is 1 to {_SLUG_MAX} lower-case letters, digits and dashes.", attr="slug")
    if slug in RESERVED_SLUGS:
        raise InvalidError(f"{slug} is the address of something else. Choose another slug.", attr="slug")


def add_member(*, org_id: UUID, user: User, role: Role | None = None) -> Membership:
    """Let a person into an organization, with a role everywhere in it, or with none: then they see nothing until something is granted."""
    with org_scope(org_id):
        membership = Membership.objects.create_in(org_id, user=user)
        if role is not None:
            Grant.objects.create_in(org_id, user=user, role=role, scope=GrantScope.ORGANIZATION)
    return membership


def issue_sign_in_link(*, user: User, life: datetime.timedelta = SIGN_IN_LINK_LIFE) -> str:
    """The text of a one-time sign-in link's secret, to be put behind `/sign-in/link/`."""
    secret = new_secret()
    link = SignInLink.objects.create(user=user, secret_sha256=digest(secret), expires_at=timezone.now() + life)
    return token_text(kind="link", token_id=link.id, secret=secret)


def redeem_sign_in_link(text: str) -> User:
    """The person a link signs in; NotFoundError when it is unknown, used or too old. Works once."""
    parsed = parse_token(text)
    link = SignInLink.objects.select_related("user").filter(id=parsed.id).first() if parsed else None
    if parsed is None or link is None or not parsed.matches(link.secret_sha256):
        raise NotFoundError("This sign-in link is not one of ours.")
    used = SignInLink.objects.filter(id=link.id, used_at=None, expires_at__gt=timezone.now()).update(
        used_at=timezone.now()
    )
    if used != 1:
        raise NotFoundError("This sign-in link was used already or has expired. Ask for a new one.")
    return link.user
