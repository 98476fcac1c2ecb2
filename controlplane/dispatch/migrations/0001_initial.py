"""The first tables of this slice."""

import django.db.models.manager
import django.utils.timezone
import uuid_utils.compat
from django.db import migrations, models


from tenants.rls import TenantPolicy


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='Command',
            fields=[
                ('org_id', models.UUIDField()),
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('agent_id', models.UUIDField()),
                ('kind', models.CharField(choices=[('launch', 'Launch'), ('cancel', 'Cancel'), ('call', 'Call'), ('reload', 'Reload')], max_length=10)),
                ('state', models.CharField(choices=[('pending', 'Pending'), ('leased', 'Leased'), ('accepted', 'Accepted'), ('done', 'Done'), ('failed', 'Failed'), ('expired', 'Expired')], default='pending', max_length=10)),
                ('run_id', models.UUIDField(null=True)),
                ('attempt', models.PositiveIntegerField(null=True)),
                ('version_id', models.UUIDField(null=True)),
                ('body', models.JSONField()),
                ('lease_until', models.DateTimeField(null=True)),
                ('deliveries', models.PositiveIntegerField(default=0)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('expires_at', models.DateTimeField(null=True)),
                ('finished_at', models.DateTimeField(null=True)),
                ('result', models.JSONField(null=True)),
                ('error', models.JSONField(null=True)),
            ],
            options={
                'db_table': 'command',
                'abstract': False,
                'base_manager_name': 'unscoped',
                'default_manager_name': 'unscoped',
                'indexes': [models.Index(condition=models.Q(('state__in', ['pending', 'leased'])), fields=['org_id', 'agent_id', 'id'], name='command_open'), models.Index(fields=['org_id', 'run_id'], name='command_run')],
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
        TenantPolicy('command'),
    ]
