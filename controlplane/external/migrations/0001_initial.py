"""Deliveries of reported events, wipes of assets, Pipes over HTTP."""

import django.db.models.manager
import django.utils.timezone
import uuid_utils.compat
from django.db import migrations, models

from tenants.rls import TenantPolicy


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('core', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='PipesMessage',
            fields=[
                ('org_id', models.UUIDField()),
                ('pk', models.CompositePrimaryKey('deployment_id', 'session_id', 'number', blank=True, editable=False, primary_key=True, serialize=False)),
                ('deployment_id', models.UUIDField()),
                ('session_id', models.UUIDField()),
                ('number', models.BigIntegerField()),
                ('body', models.JSONField()),
                ('size', models.IntegerField()),
            ],
            options={
                'db_table': 'pipes_message',
                'abstract': False,
                'base_manager_name': 'unscoped',
                'default_manager_name': 'unscoped',
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name='AssetWipe',
            fields=[
                ('org_id', models.UUIDField()),
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('deployment_id', models.UUIDField()),
                ('asset_key', models.TextField()),
                ('partitions', models.JSONField(null=True)),
                ('up_to_id', models.BigIntegerField()),
                ('actor_label', models.CharField(max_length=254)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('ended_at', models.DateTimeField(null=True)),
                ('partition_count', models.PositiveIntegerField(default=0)),
                ('partitions_done', models.PositiveIntegerField(default=0)),
                ('events_seen_to', models.BigIntegerField(default=0)),
                ('events_deleted', models.BigIntegerField(default=0)),
                ('due_at', models.DateTimeField(default=django.utils.timezone.now, null=True)),
            ],
            options={
                'db_table': 'asset_wipe',
                'abstract': False,
                'base_manager_name': 'unscoped',
                'default_manager_name': 'unscoped',
                'indexes': [models.Index(fields=['org_id', 'deployment_id', 'asset_key', '-id'], name='asset_wipe_newest'), models.Index(condition=models.Q(('due_at__isnull', False)), fields=['due_at'], name='asset_wipe_due')],
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name='PipesSession',
            fields=[
                ('org_id', models.UUIDField()),
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('deployment_id', models.UUIDField()),
                ('run_id', models.UUIDField()),
                ('attempt', models.IntegerField()),
                ('epoch', models.IntegerField()),
                ('context', models.JSONField(null=True)),
                ('last_number', models.BigIntegerField(default=0)),
                ('read_number', models.BigIntegerField(default=0)),
                ('bytes_stored', models.BigIntegerField(default=0)),
                ('bytes_read', models.BigIntegerField(default=0)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('closed_at', models.DateTimeField(null=True)),
            ],
            options={
                'db_table': 'pipes_session',
                'abstract': False,
                'base_manager_name': 'unscoped',
                'default_manager_name': 'unscoped',
                'indexes': [models.Index(fields=['org_id', 'run_id'], name='pipes_session_of_run')],
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name='ReportDelivery',
            fields=[
                ('org_id', models.UUIDField()),
                ('pk', models.CompositePrimaryKey('deployment_id', 'delivery_id', blank=True, editable=False, primary_key=True, serialize=False)),
                ('deployment_id', models.UUIDField()),
                ('delivery_id', models.CharField(max_length=250)),
                ('digest', models.CharField(max_length=64)),
                ('event_id', models.BigIntegerField(default=0)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                'db_table': 'report_delivery',
                'abstract': False,
                'base_manager_name': 'unscoped',
                'default_manager_name': 'unscoped',
                'indexes': [models.Index(fields=['created_at'], name='report_delivery_age')],
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
        TenantPolicy('pipes_message'),
        TenantPolicy('asset_wipe'),
        TenantPolicy('pipes_session'),
        TenantPolicy('report_delivery'),
    ]
