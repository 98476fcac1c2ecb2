"""The first tables of this slice."""

import django.db.models.manager
import django.utils.timezone
from django.db import migrations, models


from controlplane.core.partitioning import CreatePartitionedModel
from tenants.rls import TenantPolicy


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('core', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='AssetState',
            fields=[
                ('org_id', models.UUIDField()),
                ('pk', models.CompositePrimaryKey('deployment_id', 'asset_key', blank=True, editable=False, primary_key=True, serialize=False)),
                ('deployment_id', models.UUIDField()),
                ('asset_key', models.TextField()),
                ('materialization_id', models.BigIntegerField(null=True)),
                ('materialized_at', models.DateTimeField(null=True)),
                ('materialization_run_id', models.UUIDField(null=True)),
                ('materialization_partition', models.TextField(null=True)),
                ('materialization_metadata', models.JSONField(default=dict)),
                ('materialization_tags', models.JSONField(default=dict)),
                ('materialization_serdes', models.TextField(blank=True)),
                ('observation_id', models.BigIntegerField(null=True)),
                ('observed_at', models.DateTimeField(null=True)),
                ('observation_serdes', models.TextField(blank=True)),
                ('planned_id', models.BigIntegerField(null=True)),
                ('planned_run_id', models.UUIDField(null=True)),
                ('failed_at', models.DateTimeField(null=True)),
                ('failed_run_id', models.UUIDField(null=True)),
            ],
            options={
                'db_table': 'asset_state',
                'abstract': False,
                'base_manager_name': 'unscoped',
                'default_manager_name': 'unscoped',
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name='CheckState',
            fields=[
                ('org_id', models.UUIDField()),
                ('pk', models.CompositePrimaryKey('deployment_id', 'asset_key', 'check_name', blank=True, editable=False, primary_key=True, serialize=False)),
                ('deployment_id', models.UUIDField()),
                ('asset_key', models.TextField()),
                ('check_name', models.TextField()),
                ('evaluation_id', models.BigIntegerField()),
                ('at', models.DateTimeField()),
                ('run_id', models.UUIDField(null=True)),
                ('passed', models.BooleanField()),
                ('severity', models.CharField(max_length=8)),
                ('partition_key', models.TextField(null=True)),
                ('description', models.TextField(blank=True)),
                ('metadata', models.JSONField(default=dict)),
                ('serdes', models.TextField(blank=True)),
            ],
            options={
                'db_table': 'check_state',
                'abstract': False,
                'base_manager_name': 'unscoped',
                'default_manager_name': 'unscoped',
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name='DynamicPartition',
            fields=[
                ('org_id', models.UUIDField()),
                ('pk', models.CompositePrimaryKey('deployment_id', 'definition', 'partition_key', blank=True, editable=False, primary_key=True, serialize=False)),
                ('deployment_id', models.UUIDField()),
                ('definition', models.TextField()),
                ('partition_key', models.TextField()),
                ('position', models.BigIntegerField()),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                'db_table': 'dynamic_partition',
                'abstract': False,
                'base_manager_name': 'unscoped',
                'default_manager_name': 'unscoped',
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name='PartitionState',
            fields=[
                ('org_id', models.UUIDField()),
                ('pk', models.CompositePrimaryKey('deployment_id', 'asset_key', 'partition_key', blank=True, editable=False, primary_key=True, serialize=False)),
                ('deployment_id', models.UUIDField()),
                ('asset_key', models.TextField()),
                ('partition_key', models.TextField()),
                ('materialization_id', models.BigIntegerField(null=True)),
                ('materialized_at', models.DateTimeField(null=True)),
                ('materialization_run_id', models.UUIDField(null=True)),
                ('materialization_metadata', models.JSONField(default=dict)),
                ('materialization_tags', models.JSONField(default=dict)),
                ('materialization_serdes', models.TextField(blank=True)),
                ('planned_id', models.BigIntegerField(null=True)),
                ('planned_run_id', models.UUIDField(null=True)),
                ('failed_at', models.DateTimeField(null=True)),
                ('failed_run_id', models.UUIDField(null=True)),
            ],
            options={
                'db_table': 'partition_state',
                'abstract': False,
                'base_manager_name': 'unscoped',
                'default_manager_name': 'unscoped',
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
        CreatePartitionedModel(
            key='recorded_at',
            kind='time',
            name='AssetEvent',
            fields=[
                ('org_id', models.UUIDField()),
                ('pk', models.CompositePrimaryKey('recorded_at', 'id', blank=True, editable=False, primary_key=True, serialize=False)),
                ('id', models.BigIntegerField()),
                ('recorded_at', models.DateTimeField()),
                ('deployment_id', models.UUIDField()),
                ('asset_key', models.TextField()),
                ('partition_key', models.TextField(null=True)),
                ('kind', models.CharField(choices=[('materialization', 'Materialization'), ('observation', 'Observation'), ('planned', 'Planned materialization')], max_length=16)),
                ('run_id', models.UUIDField(null=True)),
                ('step_key', models.TextField(null=True)),
                ('at', models.DateTimeField()),
                ('description', models.TextField(blank=True)),
                ('metadata', models.JSONField(default=dict)),
                ('tags', models.JSONField(default=dict)),
                ('serdes', models.TextField(blank=True)),
            ],
            options={
                'db_table': 'asset_event',
                'abstract': False,
                'base_manager_name': 'unscoped',
                'default_manager_name': 'unscoped',
                'indexes': [models.Index(fields=['org_id', 'deployment_id', 'asset_key', 'kind', '-id'], name='asset_event_newest'), models.Index(fields=['org_id', 'run_id'], name='asset_event_run')],
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
        CreatePartitionedModel(
            key='recorded_at',
            kind='time',
            name='CheckEvaluation',
            fields=[
                ('org_id', models.UUIDField()),
                ('pk', models.CompositePrimaryKey('recorded_at', 'id', blank=True, editable=False, primary_key=True, serialize=False)),
                ('id', models.BigIntegerField()),
                ('recorded_at', models.DateTimeField()),
                ('deployment_id', models.UUIDField()),
                ('asset_key', models.TextField()),
                ('check_name', models.TextField()),
                ('partition_key', models.TextField(null=True)),
                ('run_id', models.UUIDField(null=True)),
                ('step_key', models.TextField(null=True)),
                ('at', models.DateTimeField()),
                ('passed', models.BooleanField()),
                ('severity', models.CharField(max_length=8)),
                ('blocking', models.BooleanField(default=False)),
                ('description', models.TextField(blank=True)),
                ('metadata', models.JSONField(default=dict)),
                ('target_run_id', models.UUIDField(null=True)),
                ('target_event_id', models.BigIntegerField(null=True)),
                ('serdes', models.TextField(blank=True)),
            ],
            options={
                'db_table': 'check_evaluation',
                'abstract': False,
                'base_manager_name': 'unscoped',
                'default_manager_name': 'unscoped',
                'indexes': [models.Index(fields=['org_id', 'deployment_id', 'asset_key', 'check_name', '-id'], name='check_evaluation_newest'), models.Index(fields=['org_id', 'run_id'], name='check_evaluation_run')],
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
        migrations.RunSQL('CREATE SEQUENCE asset_event_id_seq', 'DROP SEQUENCE asset_event_id_seq'),
        migrations.RunSQL('CREATE SEQUENCE dynamic_partition_position_seq', 'DROP SEQUENCE dynamic_partition_position_seq'),
        TenantPolicy('asset_state'),
        TenantPolicy('check_state'),
        TenantPolicy('dynamic_partition'),
        TenantPolicy('partition_state'),
        TenantPolicy('asset_event'),
        TenantPolicy('check_evaluation'),
    ]
