"""The export of an organization: everything, nothing of others, nothing secret, and in little memory."""

import json
import tracemalloc

import pytest
from django.db import connection

from tenants import export
from tenants.access import SYSTEM
from tenants.audit.models import AuditEvent
from tenants.scoping import org_scope
from tests.callers import bearer
from tests.isolation.world import make_world


def rows(lines):
    return [json.loads(line) for line in b"".join(lines).splitlines()]


def exported(cast):
    return rows(export.export_lines(org_id=cast.org_id, actor=SYSTEM))


@pytest.fixture(scope="module")
def world():
    return make_world()


def test_export_over_rest_holds_every_table_that_has_rows(world):
    answer = bearer(world.alice.user_token.text).get(f"/api/v1/organizations/{world.alice.org.slug}/export/")

    found = rows(answer)
    assert answer["Content-Disposition"] == f'attachment; filename="{world.alice.org.slug}.jsonl"'
    assert {row["row"]["org_id"] for row in found if "org_id" in row["row"]} == {str(world.alice.org_id)}
    assert {"organization", "person", "membership", "access_grant", "api_token", "run", "code_location"} <= {
        row["table"] for row in found
    }
    assert {person.email for person in (world.alice.owner, world.alice.editor, world.alice.viewer)} <= {
        row["row"]["email"] for row in found if row["table"] == "person"
    }
    assert world.mallory.owner.email not in str(found)
    with org_scope(world.alice.org_id):
        assert AuditEvent.objects.for_org(world.alice.org_id).filter(action="organization.export").exists()


def test_nothing_secret_is_exported(world):
    text = b"".join(export.export_lines(org_id=world.alice.org_id, actor=SYSTEM))

    assert bytes(world.alice.user_token.token.secret_sha256).hex().encode() not in text
    columns = {(table.name, column) for table in export.tables() for column in table.columns}
    assert {
        (table, column)
        for table, column in columns
        if any(word in column for word in ("secret", "sealed", "password", "wrapped"))
    } == set()
    assert ("api_token", "name") in columns
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public' AND data_type = 'bytea'"
        )
        assert columns & set(cursor.fetchall()) == set()


def test_large_organization_is_exported_page_by_page_in_little_memory(cast):
    with org_scope(cast.org_id), connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO team (id, org_id, name, external_id, is_synced, created_at, updated_at)
               SELECT gen_random_uuid(), %s, 'team ' || n, repeat('x', 150), false, now(), now() FROM generate_series(1, 20000) n""",
            [cast.org_id],
        )
    tracemalloc.start()

    teams, total = 0, 0
    for piece in export.export_lines(org_id=cast.org_id, actor=SYSTEM):
        total += len(piece)
        teams += piece.count(b'{"table":"team",')

    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert teams == 20_000
    assert total > 6_000_000
    assert peak < 4_000_000
