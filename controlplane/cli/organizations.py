"""`daggerboard export` and `organization-state`."""

import sys
from pathlib import Path

from controlplane.cli.accounts import set_up_django
from controlplane.cli.api_client import ApiClient
from controlplane.cli.errors import CommandError, ExitCode
from controlplane.cli.profile import load_profile


def export_organization(organization: str, *, file: Path | None) -> None:
    """Write the export as it comes; a file is there only when it is whole."""
    with ApiClient(load_profile()) as client:
        pieces = client.stream(f"/api/v1/organizations/{organization}/export/")
        if file is None:
            for piece in pieces:
                sys.stdout.buffer.write(piece)
            return
        part = file.with_name(f"{file.name}.part")
        with part.open("wb") as out:
            out.writelines(pieces)
        part.replace(file)


def set_state(slug: str, text: str, *, reason: str) -> None:
    """Move an organization to a state, as whoever runs the installation may."""
    set_up_django()
    from tenants.access import SYSTEM
    from tenants.errors import AppError
    from tenants.models import Organization, OrganizationState
    from tenants.organizations import set_state as move

    if text not in OrganizationState.values:
        raise CommandError(f"{text!r} is no state: {', '.join(OrganizationState.values)}.", exit_code=ExitCode.USAGE)
    org_id = Organization.objects.filter(slug=slug).values_list("id", flat=True).first()
    if org_id is None:
        raise CommandError(f"There is no organization {slug}.", exit_code=ExitCode.NOT_FOUND)
    try:
        move(org_id=org_id, state=OrganizationState(text), reason=reason, actor=SYSTEM)
    except AppError as error:
        raise CommandError(error.message) from error
    print(f"{slug} is {OrganizationState(text).label.lower()} now.")
