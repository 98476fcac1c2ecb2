"""The hash chain of each organization: sealed by the database, as the last thing that a commit does.

Two deferred triggers in a row. The first runs in its place among the other deferred checks of the commit (foreign keys, which lock
rows) and puts the event into audit_turn; that queues the second behind all of them. Only the second takes the organization's lock,
so that whoever holds it waits for nobody, and commits cannot deadlock over it.
"""

import django.db.models.functions.datetime
import django.db.models.manager
import uuid_utils.compat
from django.db import migrations, models

from tenants.rls import TenantPolicy, door_role

_ENTER = """PERFORM set_config('app.org', {org}::text, true);"""
_LEAVE = """PERFORM set_config('app.org', coalesce(outer_org, ''), true);"""

_FUNCTIONS = f"""
CREATE FUNCTION audit_take_turn() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE outer_org text := current_setting('app.org', true);
BEGIN
  {_ENTER.format(org='NEW.org_id')}
  INSERT INTO audit_turn (org_id, event_id) VALUES (NEW.org_id, NEW.id);
  {_LEAVE}
  RETURN NULL;
END $$;

CREATE FUNCTION audit_seal_event(sealed_org uuid, sealed_event uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE last_seal audit_seal; content text;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('audit ' || sealed_org, 0));
  SELECT jsonb_build_array(e.org_id, e.id, to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'), e.actor_kind, e.actor_id,
           e.actor_label, e.address, e.action, e.target_kind, e.target_id, e.target_label, e.deployment_id, e.before, e.after, e.result,
           e.reason)::text
    INTO content FROM audit_event e WHERE e.org_id = sealed_org AND e.id = sealed_event;
  IF content IS NULL THEN
    RETURN;
  END IF;
  SELECT * INTO last_seal FROM audit_seal WHERE org_id = sealed_org ORDER BY number DESC LIMIT 1;
  INSERT INTO audit_seal (org_id, number, event_id, hash) VALUES (
    sealed_org, coalesce(last_seal.number, 0) + 1, sealed_event,
    sha256(coalesce(last_seal.hash, sha256(convert_to(sealed_org::text, 'UTF8'))) || convert_to(content, 'UTF8')));
END $$;

CREATE FUNCTION audit_seal_turn() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE outer_org text := current_setting('app.org', true);
BEGIN
  {_ENTER.format(org='NEW.org_id')}
  PERFORM audit_seal_event(NEW.org_id, NEW.event_id);
  DELETE FROM audit_turn WHERE org_id = NEW.org_id AND event_id = NEW.event_id;
  {_LEAVE}
  RETURN NULL;
END $$;

CREATE FUNCTION audit_bury(buried uuid, deleted_by text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE outer_org text := current_setting('app.org', true); was organization; head audit_seal;
BEGIN
  SELECT * INTO was FROM organization WHERE id = buried;
  IF was.state IS DISTINCT FROM 'pending_deletion' THEN
    RAISE EXCEPTION 'the audit log of an organization goes only with an organization that is pending deletion'
      USING ERRCODE = 'insufficient_privilege';
  END IF;
  {_ENTER.format(org='buried')}
  PERFORM pg_advisory_xact_lock(hashtextextended('audit ' || buried, 0));
  SELECT * INTO head FROM audit_seal WHERE org_id = buried ORDER BY number DESC LIMIT 1;
  INSERT INTO audit_tombstone (id, organization_id, slug, name, deleted_by, last_number, last_hash)
  VALUES (gen_random_uuid(), buried, was.slug, was.name, left(audit_bury.deleted_by, 254), coalesce(head.number, 0), head.hash);
  DELETE FROM audit_turn WHERE org_id = buried;
  DELETE FROM audit_seal WHERE org_id = buried;
  DELETE FROM audit_event WHERE org_id = buried;
  {_LEAVE}
END $$;

REVOKE EXECUTE ON FUNCTION audit_seal_event(uuid, uuid), audit_bury(uuid, text) FROM PUBLIC;

CREATE CONSTRAINT TRIGGER audit_event_takes_turn AFTER INSERT ON audit_event
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit_take_turn();
CREATE CONSTRAINT TRIGGER audit_turn_is_sealed AFTER INSERT ON audit_turn
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit_seal_turn();
"""
_DROP = """
DROP TRIGGER audit_turn_is_sealed ON audit_turn;
DROP TRIGGER audit_event_takes_turn ON audit_event;
DROP FUNCTION audit_bury(uuid, text);
DROP FUNCTION audit_seal_turn();
DROP FUNCTION audit_seal_event(uuid, uuid);
DROP FUNCTION audit_take_turn();
"""
# What was recorded before there was a chain, in its order. The owner reads all rows only while row-level security is not forced on it.
_SEAL_OLD = """
ALTER TABLE audit_event NO FORCE ROW LEVEL SECURITY;
ALTER TABLE audit_seal NO FORCE ROW LEVEL SECURITY;
DO $$
DECLARE e record;
BEGIN
  FOR e IN SELECT org_id, id FROM audit_event ORDER BY org_id, id LOOP
    PERFORM audit_seal_event(e.org_id, e.id);
  END LOOP;
END $$;
ALTER TABLE audit_event FORCE ROW LEVEL SECURITY;
ALTER TABLE audit_seal FORCE ROW LEVEL SECURITY;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('audit', '0001_initial'),
        ('tenants', '0002_roles_and_grants'),
    ]

    operations = [
        migrations.CreateModel(
            name='AuditSeal',
            fields=[
                ('org_id', models.UUIDField()),
                ('pk', models.CompositePrimaryKey('org_id', 'number', blank=True, editable=False, primary_key=True, serialize=False)),
                ('number', models.BigIntegerField()),
                ('event_id', models.UUIDField()),
                ('hash', models.BinaryField(max_length=32)),
            ],
            options={
                'db_table': 'audit_seal',
                'abstract': False,
                'base_manager_name': 'unscoped',
                'default_manager_name': 'unscoped',
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
        migrations.AddConstraint(
            model_name='auditseal',
            constraint=models.UniqueConstraint(fields=('org_id', 'event_id'), name='audit_seal_of_event'),
        ),
        migrations.CreateModel(
            name='AuditTurn',
            fields=[
                ('org_id', models.UUIDField()),
                ('pk', models.CompositePrimaryKey('org_id', 'event_id', blank=True, editable=False, primary_key=True, serialize=False)),
                ('event_id', models.UUIDField()),
            ],
            options={
                'db_table': 'audit_turn',
                'abstract': False,
                'base_manager_name': 'unscoped',
                'default_manager_name': 'unscoped',
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name='AuditTombstone',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('organization_id', models.UUIDField()),
                ('slug', models.CharField(max_length=64)),
                ('name', models.CharField(max_length=200)),
                ('deleted_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('deleted_by', models.CharField(max_length=254)),
                ('last_number', models.BigIntegerField()),
                ('last_hash', models.BinaryField(max_length=32, null=True)),
            ],
            options={
                'db_table': 'audit_tombstone',
            },
        ),
        TenantPolicy('audit_seal'),
        TenantPolicy('audit_turn'),
        migrations.RunSQL(_FUNCTIONS, _DROP),
        migrations.RunSQL(f'GRANT EXECUTE ON FUNCTION audit_bury(uuid, text) TO "{door_role()}"', migrations.RunSQL.noop),
        migrations.RunSQL(_SEAL_OLD, migrations.RunSQL.noop),
    ]
