"""The first tables of this slice."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.manager
import django.utils.timezone
import uuid_utils.compat
from django.db import migrations, models


from tenants.rls import SameOrg, TenantPolicy


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='Agent',
            fields=[
                ('org_id', models.UUIDField()),
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=200)),
                ('boot_id', models.CharField(max_length=64)),
                ('token_id', models.UUIDField()),
                ('queues', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=100), size=None)),
                ('agent_version', models.CharField(max_length=40)),
                ('protocol_version', models.CharField(max_length=10)),
                ('host', models.JSONField(default=dict)),
                ('registered_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('last_poll_at', models.DateTimeField(null=True)),
                ('last_heartbeat_at', models.DateTimeField(null=True)),
                ('last_events_at', models.DateTimeField(null=True)),
                ('stopped_at', models.DateTimeField(null=True)),
                ('draining', models.BooleanField(default=False)),
                ('free_slots', models.IntegerField(default=0)),
                ('spooled_events', models.IntegerField(default=0)),
                ('clock_skew_seconds', models.FloatField(default=0)),
            ],
            options={
                'db_table': 'agent',
                'abstract': False,
                'base_manager_name': 'unscoped',
                'default_manager_name': 'unscoped',
                'constraints': [models.UniqueConstraint(fields=('org_id', 'name'), name='agent_name_once')],
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name='AgentLocation',
            fields=[
                ('org_id', models.UUIDField()),
                ('pk', models.CompositePrimaryKey('org_id', 'agent_id', 'version_id', blank=True, editable=False, primary_key=True, serialize=False)),
                ('version_id', models.UUIDField()),
                ('state', models.CharField(choices=[('pending', 'Waiting for an agent'), ('loading', 'Loading'), ('loaded', 'Loaded'), ('failed', 'Failed to load')], max_length=10)),
                ('mode', models.CharField(blank=True, max_length=12)),
                ('rss_bytes', models.BigIntegerField(null=True)),
                ('reported_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('agent', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='fleet.agent')),
            ],
            options={
                'db_table': 'agent_location',
                'abstract': False,
                'base_manager_name': 'unscoped',
                'default_manager_name': 'unscoped',
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
        TenantPolicy('agent'),
        TenantPolicy('agent_location'),
        SameOrg('agent_location', 'agent_id', 'agent'),
    ]
