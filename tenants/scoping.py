"""How code reaches tenant rows: inside `org_scope(org)`, through `Model.objects.for_org(org)`. Everything else raises or sees nothing.

Two belts. The manager refuses a query that names no organization; Postgres' row-level security (tenants/rls.py) refuses rows
of any organization but the one that `org_scope` announced to the transaction.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn, TypeVar
from uuid import UUID

import structlog
from django.db import connections, models, transaction

log = structlog.get_logger(__name__)

M = TypeVar("M", bound=models.Model)


class UnscopedQueryError(RuntimeError):
    """A query over a tenant table named no organization: use Model.objects.for_org(org)."""


@contextmanager
def org_scope(org_id: UUID, *, using: str = "default") -> Iterator[None]:
    """A transaction in which the rows of one organization are visible. Nested scopes must name the same organization."""
    connection = connections[using]
    joined = connection.in_atomic_block
    outer: UUID | None = getattr(connection, "scoped_org_id", None) if joined else None
    if outer is not None and outer != org_id:
        raise UnscopedQueryError(
            f"org_scope({org_id}) inside org_scope({outer}): one transaction serves one organization."
        )
    with transaction.atomic(using=using):
        if outer is None:
            announce(using=using, setting="app.org", value=str(org_id))
            connection.scoped_org_id = org_id  # type: ignore[attr-defined]  # read above, nowhere else
        try:
            yield
        finally:
            if outer is None:
                connection.scoped_org_id = None  # type: ignore[attr-defined]  # the transaction ends here
    if joined and outer is None:
        # SECURITY: releasing a savepoint keeps the setting; the rest of the caller's transaction must not see these rows.
        announce(using=using, setting="app.org", value="")


def in_scope(org_id: UUID) -> bool:
    """Whether this is inside `org_scope(org_id)`: who only adds a row there needs no scope, and no savepoint, of its own."""
    connection = connections["default"]
    return connection.in_atomic_block and getattr(connection, "scoped_org_id", None) == org_id


@contextmanager
def read_scope(org_id: UUID) -> Iterator[None]:
    """As `org_scope`, for what only reads: inside that scope it costs no savepoint, which is two more questions to the database."""
    if in_scope(org_id):
        yield
        return
    with org_scope(org_id):
        yield


def announce(*, using: str = "default", setting: str, value: str) -> None:
    """Set one of the settings that the policies read, until the current transaction ends."""
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT set_config(%s, %s, true)", [setting, value])


class TenantManager(models.Manager[M]):
    """The manager of every tenant table: names an organization, or raises."""

    def for_org(self, org_id: UUID) -> models.QuerySet[M]:
        """Rows of one organization; call it inside `org_scope(org_id)`."""
        return super().get_queryset().filter(org_id=org_id)

    def across_orgs(self, *, reason: str) -> models.QuerySet[M]:
        """Rows of every organization, through the door role, for a named cross-tenant job. The reason is logged."""
        log.debug("door.opened", table=self.model._meta.db_table, reason=reason)
        return super().get_queryset().using("door")

    def create_in(self, org_id: UUID, **fields: Any) -> M:
        """Insert one row of one organization."""
        return super().get_queryset().create(org_id=org_id, **fields)

    def get_queryset(self) -> NoReturn:
        raise UnscopedQueryError(f"{self.model.__name__}: name the organization with objects.for_org(org).")


class TenantModel(models.Model):
    """Base of every table whose rows belong to one organization."""

    org_id = models.UUIDField()

    objects = TenantManager()
    # For the framework's internals only (forms, fixtures, cascade): row-level security still stands behind it.
    unscoped = models.Manager()

    class Meta:
        abstract = True
        default_manager_name = "unscoped"
        base_manager_name = "unscoped"
