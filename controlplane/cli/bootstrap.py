"""The first organization of an embedded Daggerboard: made once, found again afterwards. Runs in a process of its own, with Django."""

import getpass
import os
import sys
from pathlib import Path
from typing import Any

import django

ORGANIZATION, DEPLOYMENT = "demo", "prod"
SIGN_IN_FILE = "sign-in.link"


def main() -> None:
    """Write the tokens and a sign-in link into the folder named by the first argument."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.config.settings")
    django.setup()
    bootstrap(Path(sys.argv[1]))


def bootstrap(folder: Path) -> None:
    """Organization, owner, deployment and tokens, whatever of them is missing; and a new one-time sign-in link."""
    from controlplane.deployments.services import ensure_deployment
    from controlplane.embedded.files import write_private
    from tenants.access import SYSTEM
    from tenants.models import TokenKind
    from tenants.reach import EVERYTHING
    from tenants.services import issue_sign_in_link

    owner, org_id = _owner_and_organization()
    ensure_deployment(org_id=org_id, name=DEPLOYMENT, actor=SYSTEM)
    _ensure_token(folder / "agent.token", org_id=org_id, kind=TokenKind.AGENT, reach=EVERYTHING)
    _ensure_token(folder / "cli.token", org_id=org_id, kind=TokenKind.USER, user=owner)
    write_private(folder / SIGN_IN_FILE, issue_sign_in_link(user=owner))


def _owner_and_organization() -> tuple[Any, Any]:
    from tenants.models import Organization, User
    from tenants.services import create_organization, create_user

    email = f"{getpass.getuser()}@localhost.localdomain"
    owner = User.objects.filter(email__iexact=email).first() or create_user(
        email=email, name=getpass.getuser(), email_is_verified=True
    )
    known = Organization.objects.filter(slug=ORGANIZATION).first()
    org_id = known.id if known else create_organization(slug=ORGANIZATION, name="Demo", owner=owner).id
    return owner, org_id


def _ensure_token(path: Path, *, org_id: Any, kind: Any, user: Any = None, reach: Any = None) -> None:
    from controlplane.embedded.files import write_private
    from tenants.token_services import issue_token
    from tenants.token_verification import verify_token

    known = verify_token(path.read_text().strip(), address="127.0.0.1") if path.exists() else None
    if known is None:
        name = f"{path.stem} of make up"
        write_private(path, issue_token(org_id=org_id, kind=kind, name=name, user=user, reach=reach).text)
    elif reach is not None:
        _widen(org_id, known.id, reach)


def _widen(org_id: Any, token_id: Any, reach: Any) -> None:
    """A token of before there were branch deployments serves them too, unless somebody has cut it down."""
    from tenants.access import SYSTEM
    from tenants.models import ApiToken
    from tenants.scoping import org_scope
    from tenants.token_services import update_token

    with org_scope(org_id):
        if ApiToken.objects.for_org(org_id).filter(id=token_id, reach__isnull=True).exists():
            update_token(org_id=org_id, token_id=token_id, actor=SYSTEM, changes={"reach": reach})


if __name__ == "__main__":
    main()
