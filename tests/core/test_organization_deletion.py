"""A deleted organization leaves its tombstone and nothing else, and takes nothing of its neighbours along."""

import datetime

import pytest
from django.db import connections
from django.utils import timezone

from controlplane.core import organization_deletion
from controlplane.core.objects import store
from tenants import organizations
from tenants.access import Principal
from tenants.models import Organization, OrganizationState
from tests.callers import bearer
from tests.isolation.world import make_world

COLUMNS = """
SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
AND a.atttypid = 'uuid'::regtype AND a.attname IN ('org_id', 'organization_id')
"""


def rows_of(org_id):
    """How many rows each table has of an organization, by whatever name the column has; tables without any are left out."""
    with connections["door"].cursor() as cursor:
        cursor.execute(COLUMNS)
        counts = {}
        for table, column in cursor.fetchall():
            cursor.execute(f'SELECT count(*) FROM "{table}" WHERE "{column}" = %s', [org_id])
            counts[table] = cursor.fetchone()[0]
    return {table: count for table, count in counts.items() if count}


def make_due(cast):
    actor = Principal(user=cast.owner).actor
    organizations.request_deletion(org_id=cast.org_id, typed_name=cast.org.name, reason="", actor=actor)
    Organization.objects.filter(id=cast.org_id).update(delete_after=timezone.now())


@pytest.fixture
def world():
    return make_world()


def objects_of(org_id, folder):
    return [path for name in (org_id.hex, str(org_id)) for path in folder.glob(f"*/{name}/**/*") if path.is_file()]


def test_nothing_but_the_tombstone_is_left_and_the_neighbour_is_untouched(world):
    alice, mallory = world.alice, world.mallory
    folder = store()._folder
    neighbour = make_world().alice
    before = rows_of(neighbour.org_id), len(objects_of(neighbour.org_id, folder))
    had = rows_of(alice.org_id)
    assert objects_of(alice.org_id, folder)
    assert len(had) > 12
    make_due(alice)

    assert organization_deletion.delete_if_closed(alice.org_id) is False
    assert bearer(alice.agent_token.text).get("/api/v1/organizations/").status_code in {200, 401}
    assert organization_deletion.delete_if_closed(alice.org_id) is True

    assert rows_of(alice.org_id) == {"audit_tombstone": 1}
    assert not Organization.objects.filter(id=alice.org_id).exists()
    assert objects_of(alice.org_id, folder) == []
    assert (rows_of(neighbour.org_id), len(objects_of(neighbour.org_id, folder))) == before
    assert min(before[0].values()) > 0
    assert rows_of(mallory.org_id)


def test_sweep_takes_what_is_due_and_nothing_else(cast, outsider):
    make_due(cast)
    actor = Principal(user=outsider.owner).actor
    organizations.request_deletion(org_id=outsider.org_id, typed_name=outsider.org.name, reason="", actor=actor)

    organization_deletion.sweep()
    organization_deletion.sweep()

    assert not Organization.objects.filter(id=cast.org_id).exists()
    left = Organization.objects.get(id=outsider.org_id)
    assert (left.state, left.delete_after > timezone.now()) == (OrganizationState.PENDING_DELETION, True)
    assert rows_of(outsider.org_id)["membership"] == 3


def test_organization_whose_deletion_was_undone_stays(cast):
    actor = Principal(user=cast.owner).actor
    organizations.request_deletion(org_id=cast.org_id, typed_name=cast.org.name, reason="", actor=actor)
    organizations.undo_deletion(org_id=cast.org_id, actor=actor)
    Organization.objects.filter(id=cast.org_id).update(delete_after=timezone.now() - datetime.timedelta(days=1))

    organization_deletion.sweep()

    assert rows_of(cast.org_id)["membership"] == 3


def test_children_are_deleted_before_what_they_point_at():
    order = organization_deletion.tables_in_order()

    assert len(order) == len(set(order)) > 20
    assert order.index("team_membership") < order.index("team")
    assert order.index("code_location") < order.index("deployment")
