"""Adds a person with a password to the organization demo, in a process of its own with the installation's settings; prints the address."""

import json
import uuid

import django

django.setup()

from tenants.models import Organization, Role  # noqa: E402 - Django is set up first
from tenants.services import add_member, create_user  # noqa: E402

PASSWORD = "benchmarks sign in often"


def main() -> None:
    email = f"{uuid.uuid4().hex[:12]}@benchmarks.example"
    user = create_user(email=email, password=PASSWORD, email_is_verified=True)
    add_member(org_id=Organization.objects.get(slug="demo").id, user=user, role=Role.VIEWER)
    print(json.dumps({"email": email, "password": PASSWORD}))


if __name__ == "__main__":
    main()
