"""Tenant rows are reached by naming an organization; everything else raises, or sees nothing."""

import psycopg.errors
import pytest
from django.apps import apps
from django.db import connection, transaction
from django.db.utils import ProgrammingError
from django.test.utils import CaptureQueriesContext

from tenants.ids import uuid7
from tenants.models import ApiToken, Membership, TokenKind
from tenants.scoping import TenantModel, UnscopedQueryError, org_scope, read_scope
from tests.callers import new_tenant

TENANT_MODELS = [m for m in apps.get_models() if issubclass(m, TenantModel)]
UNSCOPED = [
    lambda manager: manager.all(),
    lambda manager: manager.filter(),
    lambda manager: manager.exclude(),
    lambda manager: manager.count(),
    lambda manager: manager.exists(),
    lambda manager: manager.first(),
    lambda manager: manager.create(),
    lambda manager: manager.bulk_create([]),
    lambda manager: manager.update(),
    lambda manager: manager.none(),
    lambda manager: manager.raw("SELECT 1 AS id"),
    lambda manager: manager.using("default"),
    lambda manager: manager.aggregate(),
    lambda manager: manager.explain(),
    lambda manager: manager.in_bulk(),
    lambda manager: manager.get_or_create(),
]


@pytest.mark.parametrize("model", TENANT_MODELS, ids=lambda m: m.__name__)
def test_every_tenant_model_has_the_manager_that_refuses(model):
    for unscoped in UNSCOPED:
        with pytest.raises(UnscopedQueryError, match="for_org"):
            unscoped(model.objects)


def test_every_model_with_an_organization_is_a_tenant_model():
    found = {m for m in apps.get_models() if any(f.name == "org_id" for f in m._meta.fields)}

    assert found == set(TENANT_MODELS)
    assert len(found) > 20


def test_for_org_outside_a_scope_sees_nothing():
    alice = new_tenant()

    assert list(ApiToken.objects.for_org(alice.org_id)) == []


def test_for_org_of_another_organization_sees_nothing():
    alice, mallory = new_tenant(), new_tenant()

    with org_scope(mallory.org_id):
        assert list(ApiToken.objects.for_org(alice.org_id)) == []


def test_unscoped_manager_sees_own_rows_only():
    alice, mallory = new_tenant(), new_tenant()

    with org_scope(mallory.org_id):
        assert {t.org_id for t in ApiToken.unscoped.all()} == {mallory.org_id}
        assert alice.org_id != mallory.org_id


def test_row_of_another_organization_cannot_be_made():
    alice, mallory = new_tenant(), new_tenant()

    with pytest.raises(ProgrammingError, match="row-level security") as refused, org_scope(mallory.org_id):
        ApiToken.objects.create_in(alice.org_id, kind=TokenKind.AGENT, name="x", secret_sha256=b"x")

    assert isinstance(refused.value.__cause__, psycopg.errors.InsufficientPrivilege)


def test_scope_cannot_hold_another_organization():
    alice, mallory = new_tenant(), new_tenant()

    with (
        org_scope(alice.org_id),
        pytest.raises(UnscopedQueryError, match="one organization"),
        org_scope(mallory.org_id),
    ):
        pass


def test_scope_may_nest_for_the_same_organization():
    alice = new_tenant()

    with org_scope(alice.org_id), org_scope(alice.org_id):
        assert Membership.objects.for_org(alice.org_id).count() == 3


def test_scope_of_a_failed_transaction_does_not_linger():
    alice, mallory = new_tenant(), new_tenant()

    with pytest.raises(ZeroDivisionError), org_scope(alice.org_id):
        raise ZeroDivisionError
    with transaction.atomic():
        assert list(Membership.objects.for_org(alice.org_id)) == []
    with org_scope(mallory.org_id):
        assert Membership.objects.for_org(mallory.org_id).count() == 3


def test_scope_ends_inside_a_longer_transaction():
    alice = new_tenant()

    with transaction.atomic():
        with org_scope(alice.org_id):
            inside = Membership.unscoped.count()
        after = Membership.unscoped.count()

    assert (inside, after) == (3, 0)


def test_unknown_organization_sees_nothing():
    with org_scope(uuid7()):
        assert ApiToken.unscoped.count() == 0


def test_reading_within_a_scope_asks_nothing_of_its_own():
    alice = new_tenant()

    with org_scope(alice.org_id), CaptureQueriesContext(connection) as seen, read_scope(alice.org_id):
        assert Membership.objects.for_org(alice.org_id).count() == 3

    assert len(seen) == 1


def test_reading_outside_of_a_scope_is_a_scope():
    alice = new_tenant()

    with read_scope(alice.org_id):
        assert Membership.objects.for_org(alice.org_id).count() == 3

    with transaction.atomic():
        assert list(Membership.objects.for_org(alice.org_id)) == []


def test_reading_within_the_scope_of_another_organization_is_refused():
    alice, mallory = new_tenant(), new_tenant()

    with org_scope(alice.org_id), pytest.raises(UnscopedQueryError), read_scope(mallory.org_id):
        pass
