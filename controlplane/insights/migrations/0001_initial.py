"""The first tables of this slice."""

import django.db.models.manager
from django.db import migrations, models


from controlplane.core.partitioning import CreatePartitionedModel
from tenants.rls import TenantPolicy


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('core', '0001_initial'),
    ]

    operations = [
        CreatePartitionedModel(
            key='run_id',
            kind='uuid7',
            name='AssetUsage',
            fields=[
                ('org_id', models.UUIDField()),
                ('pk', models.CompositePrimaryKey('run_id', 'attempt', 'step_key', 'asset_key', blank=True, editable=False, primary_key=True, serialize=False)),
                ('run_id', models.UUIDField()),
                ('attempt', models.PositiveIntegerField()),
                ('step_key', models.CharField(max_length=1000)),
                ('asset_key', models.TextField()),
                ('partition_key', models.TextField(null=True)),
                ('deployment_id', models.UUIDField()),
                ('ended_at', models.DateTimeField()),
                ('wall_seconds', models.FloatField()),
                ('cpu_seconds', models.FloatField()),
                ('gib_seconds', models.FloatField()),
                ('cost_micros', models.BigIntegerField()),
                ('currency', models.CharField(max_length=3)),
                ('price_book_id', models.UUIDField(null=True)),
            ],
            options={
                'db_table': 'asset_usage',
                'abstract': False,
                'base_manager_name': 'unscoped',
                'default_manager_name': 'unscoped',
                'indexes': [models.Index(fields=['org_id', 'deployment_id', 'asset_key', '-run_id'], name='asset_usage_newest')],
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
        CreatePartitionedModel(
            key='run_id',
            kind='uuid7',
            name='StepUsage',
            fields=[
                ('org_id', models.UUIDField()),
                ('pk', models.CompositePrimaryKey('run_id', 'attempt', 'step_key', blank=True, editable=False, primary_key=True, serialize=False)),
                ('run_id', models.UUIDField()),
                ('attempt', models.PositiveIntegerField()),
                ('step_key', models.CharField(max_length=1000)),
                ('deployment_id', models.UUIDField()),
                ('location_name', models.CharField(max_length=200)),
                ('job_name', models.CharField(max_length=500)),
                ('ended_at', models.DateTimeField()),
                ('wall_seconds', models.FloatField()),
                ('cpu_seconds', models.FloatField()),
                ('gib_seconds', models.FloatField()),
                ('peak_rss_bytes', models.BigIntegerField()),
                ('cost_micros', models.BigIntegerField()),
                ('currency', models.CharField(max_length=3)),
                ('price_book_id', models.UUIDField(null=True)),
            ],
            options={
                'db_table': 'step_usage',
                'abstract': False,
                'base_manager_name': 'unscoped',
                'default_manager_name': 'unscoped',
                'indexes': [models.Index(fields=['org_id', 'deployment_id', 'ended_at'], name='step_usage_time')],
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
        TenantPolicy('asset_usage'),
        TenantPolicy('step_usage'),
    ]
