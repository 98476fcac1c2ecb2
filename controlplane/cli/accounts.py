"""`daggerboard createuser` and `sign-in-link`: where the control plane's settings are, or in the folder of a running `up`."""

import getpass
import os
from typing import Any

import django

from controlplane.cli.errors import CommandError, ExitCode
from controlplane.cli.output import say_fields, say_json
from controlplane.cli.stack import settings_of_running_stack


def create_owner(email: str, *, organization: str, name: str, as_json: bool) -> None:
    """Add the person, the organization where it is missing, and the membership; print a one-time sign-in link."""
    set_up_django()
    from tenants.models import Organization, Role, User
    from tenants.services import add_member, create_organization, create_user, issue_sign_in_link

    user = User.objects.filter(email__iexact=email).first() or create_user(
        email=email, name=name, email_is_verified=True
    )
    known = Organization.objects.filter(slug=organization).first()
    if known is None:
        create_organization(slug=organization, name=organization, owner=user)
    else:
        add_member(org_id=known.id, user=user, role=Role.ORGANIZATION_ADMIN)
    document = {"email": user.email, "organization": organization, "sign_in": _address(issue_sign_in_link(user=user))}
    if as_json:
        say_json(document)
    else:
        say_fields(document)


def print_sign_in_link(email: str | None) -> None:
    """Print a new link for a person who is known."""
    set_up_django()
    from tenants.models import User
    from tenants.services import issue_sign_in_link

    wanted = email or f"{getpass.getuser()}@localhost.localdomain"
    user = User.objects.filter(email__iexact=wanted).first()
    if user is None:
        raise CommandError(f"There is no account for {wanted}.", exit_code=ExitCode.NOT_FOUND)
    print(_address(issue_sign_in_link(user=user)))


def remove_second_step(email: str) -> None:
    """Take authenticator app, security keys and recovery codes off an account whose owner has lost them."""
    set_up_django()
    from tenants.accounts.two_step import remove_all
    from tenants.models import User

    user = User.objects.filter(email__iexact=email).first()
    if user is None:
        raise CommandError(f"There is no account for {email}.", exit_code=ExitCode.NOT_FOUND)
    removed = remove_all(user)
    print(f"Removed {removed} from {user.email}: the next sign-in takes one step." if removed else "There was none.")


def _address(secret: str) -> str:
    from django.conf import settings

    address: Any = settings.PUBLIC_URL
    return f"{address}/sign-in/link/{secret}"


def set_up_django() -> None:
    """Django with the settings of this environment, or else of the `up` that runs here."""
    if not os.environ.get("DAGGERBOARD_DATABASE_URL"):
        os.environ.update(settings_of_running_stack())
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.config.settings")
    django.setup()
