"""Partitions by the hundred thousand, freshness, health, checks of partitions."""

import django.db.models.functions.comparison
import django.db.models.manager
import django.utils.timezone
from django.db import migrations, models

from controlplane.core.partitioning import CreatePartitionedModel
from tenants.rls import TenantPolicy

_TENANT = {
    'abstract': False,
    'base_manager_name': 'unscoped',
    'default_manager_name': 'unscoped',
}
_MANAGERS = [('unscoped', django.db.models.manager.Manager())]

# Whoever writes a partition's state says when, in transactions; whoever deletes one takes the codes of its asset away. The lock keeps
# codes from being stored meanwhile that were read before: storing takes it shared, without waiting.
_TRIGGERS = """
CREATE FUNCTION partition_state_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.changed_xid := pg_current_xact_id()::text::bigint;
    RETURN NEW;
END $$;
CREATE TRIGGER partition_state_changed BEFORE INSERT OR UPDATE ON partition_state
    FOR EACH ROW EXECUTE FUNCTION partition_state_changed();
CREATE FUNCTION partition_state_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('partition_codes'), hashtext(deployment_id::text))
        FROM (SELECT DISTINCT deployment_id FROM gone ORDER BY 1) d;
    DELETE FROM partition_codes c USING (SELECT DISTINCT org_id, deployment_id, asset_key FROM gone) g
        WHERE c.org_id = g.org_id AND c.deployment_id = g.deployment_id AND c.asset_key = g.asset_key;
    RETURN NULL;
END $$;
CREATE TRIGGER partition_state_deleted AFTER DELETE ON partition_state
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION partition_state_deleted();
"""
_NO_TRIGGERS = """
DROP TRIGGER partition_state_deleted ON partition_state;
DROP TRIGGER partition_state_changed ON partition_state;
DROP FUNCTION partition_state_deleted();
DROP FUNCTION partition_state_changed();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0002_asset_change'),
    ]

    operations = [
        migrations.AddIndex(
            'CheckEvaluation',
            models.Index(fields=['org_id', 'deployment_id', 'asset_key', '-id'], name='check_evaluation_of_asset'),
        ),
        migrations.AddField('AssetState', 'observation_tags', models.JSONField(db_default={}, default=dict)),
        migrations.AddField('PartitionState', 'changed_xid', models.BigIntegerField(db_default=0, default=0)),
        migrations.AddIndex(
            'PartitionState',
            models.Index(fields=['org_id', 'deployment_id', 'asset_key', 'changed_xid'], name='partition_state_changed'),
        ),
        migrations.AddIndex(
            'PartitionState',
            models.Index(
                fields=['org_id', 'deployment_id', 'asset_key'],
                name='partition_state_failed',
                condition=models.Q(failed_run_id__isnull=False),
            ),
        ),
        migrations.AddIndex(
            'PartitionState',
            models.Index(
                fields=['org_id', 'deployment_id', 'asset_key', 'planned_run_id'],
                name='partition_state_planned',
                condition=models.Q(
                    ('failed_run_id__isnull', True),
                    ('planned_id__gt', django.db.models.functions.comparison.Coalesce(models.F('materialization_id'), 0)),
                ),
            ),
        ),
        migrations.AddIndex(
            'AssetEvent',
            models.Index(
                fields=['org_id', 'deployment_id', 'asset_key', 'partition_key', '-id'],
                name='asset_event_of_partition',
                condition=models.Q(partition_key__isnull=False),
            ),
        ),
        migrations.AddIndex(
            'DynamicPartition',
            models.Index(fields=['org_id', 'deployment_id', 'definition', 'position'], name='dynamic_partition_order'),
        ),
        migrations.CreateModel(
            name='PartitionCodes',
            fields=[
                ('org_id', models.UUIDField()),
                ('pk', models.CompositePrimaryKey('deployment_id', 'asset_key', blank=True, editable=False, primary_key=True, serialize=False)),
                ('deployment_id', models.UUIDField()),
                ('asset_key', models.TextField()),
                ('keys_mark', models.TextField()),
                ('key_count', models.BigIntegerField()),
                ('codes', models.BinaryField()),
                ('others', models.BinaryField()),
                ('as_of_xid', models.BigIntegerField()),
            ],
            options={'db_table': 'partition_codes', **_TENANT},
            managers=_MANAGERS,
        ),
        migrations.CreateModel(
            name='FreshnessState',
            fields=[
                ('org_id', models.UUIDField()),
                ('pk', models.CompositePrimaryKey('deployment_id', 'asset_key', blank=True, editable=False, primary_key=True, serialize=False)),
                ('deployment_id', models.UUIDField()),
                ('asset_key', models.TextField()),
                ('state', models.CharField(max_length=16)),
                ('changed_at', models.DateTimeField()),
                ('due_at', models.DateTimeField(null=True)),
            ],
            options={
                'db_table': 'freshness_state',
                **_TENANT,
                'indexes': [models.Index(condition=models.Q(('due_at__isnull', False)), fields=['due_at'], name='freshness_state_due')],
            },
            managers=_MANAGERS,
        ),
        migrations.CreateModel(
            name='FreshnessPlan',
            fields=[
                ('org_id', models.UUIDField()),
                ('deployment_id', models.UUIDField(primary_key=True, serialize=False)),
                ('fingerprint', models.TextField()),
            ],
            options={'db_table': 'freshness_plan', **_TENANT},
            managers=_MANAGERS,
        ),
        migrations.CreateModel(
            name='HealthAcknowledgement',
            fields=[
                ('org_id', models.UUIDField()),
                ('pk', models.CompositePrimaryKey('deployment_id', 'asset_key', blank=True, editable=False, primary_key=True, serialize=False)),
                ('deployment_id', models.UUIDField()),
                ('asset_key', models.TextField()),
                ('mark', models.TextField()),
                ('reason', models.CharField(max_length=500)),
                ('by', models.CharField(max_length=254)),
                ('at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={'db_table': 'health_acknowledgement', **_TENANT},
            managers=_MANAGERS,
        ),
        migrations.CreateModel(
            name='CheckPartitionState',
            fields=[
                ('org_id', models.UUIDField()),
                ('pk', models.CompositePrimaryKey('deployment_id', 'asset_key', 'check_name', 'partition_key', blank=True, editable=False, primary_key=True, serialize=False)),
                ('deployment_id', models.UUIDField()),
                ('asset_key', models.TextField()),
                ('check_name', models.TextField()),
                ('partition_key', models.TextField()),
                ('evaluation_id', models.BigIntegerField()),
                ('at', models.DateTimeField()),
                ('run_id', models.UUIDField(null=True)),
                ('passed', models.BooleanField()),
                ('severity', models.CharField(max_length=8)),
            ],
            options={'db_table': 'check_partition_state', **_TENANT},
            managers=_MANAGERS,
        ),
        CreatePartitionedModel(
            key='recorded_at',
            kind='time',
            name='FreshnessChange',
            fields=[
                ('org_id', models.UUIDField()),
                ('pk', models.CompositePrimaryKey('recorded_at', 'id', blank=True, editable=False, primary_key=True, serialize=False)),
                ('id', models.BigIntegerField()),
                ('recorded_at', models.DateTimeField()),
                ('deployment_id', models.UUIDField()),
                ('asset_key', models.TextField()),
                ('previous', models.CharField(blank=True, max_length=16)),
                ('state', models.CharField(max_length=16)),
            ],
            options={
                'db_table': 'freshness_change',
                **_TENANT,
                'indexes': [models.Index(fields=['org_id', 'deployment_id', 'asset_key', '-id'], name='freshness_change_newest')],
            },
            managers=_MANAGERS,
        ),
        migrations.RunSQL(_TRIGGERS, _NO_TRIGGERS),
        TenantPolicy('partition_codes'),
        TenantPolicy('freshness_state'),
        TenantPolicy('freshness_plan'),
        TenantPolicy('health_acknowledgement'),
        TenantPolicy('check_partition_state'),
        TenantPolicy('freshness_change'),
    ]
