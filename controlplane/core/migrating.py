"""Bring the database to this version: migrations as the owner role, then the grants of the application roles."""

from django.core.management import call_command
from django.db import connections

from tenants.rls import grant_application_roles


def migrate(*, verbosity: int = 0) -> None:
    """Apply every migration and grant. Needs DAGGERBOARD_DATABASE_OWNER_URL; safe to repeat, and to run from two places at once."""
    with connections["owner"].cursor() as cursor:
        # One migration at a time, whoever starts it; released with the connection.
        cursor.execute("SELECT pg_advisory_lock(hashtext('daggerboard.migrate'))")
        try:
            call_command("migrate", database="owner", interactive=False, verbosity=verbosity)
            with connections["owner"].schema_editor() as editor:
                grant_application_roles(editor)
        finally:
            cursor.execute("SELECT pg_advisory_unlock(hashtext('daggerboard.migrate'))")
