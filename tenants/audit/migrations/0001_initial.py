"""The audit log."""

import django.db.models.functions.datetime
import django.db.models.manager
import uuid_utils.compat
from django.db import migrations, models

from tenants.rls import TenantPolicy


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='AuditEvent',
            fields=[
                ('org_id', models.UUIDField()),
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('actor_kind', models.CharField(max_length=12)),
                ('actor_id', models.UUIDField(null=True)),
                ('actor_label', models.CharField(max_length=254)),
                ('address', models.CharField(blank=True, max_length=45)),
                ('action', models.CharField(max_length=60)),
                ('target_kind', models.CharField(max_length=40)),
                ('target_id', models.CharField(blank=True, max_length=100)),
                ('target_label', models.CharField(blank=True, max_length=500)),
                ('deployment_id', models.UUIDField(null=True)),
                ('before', models.JSONField(null=True)),
                ('after', models.JSONField(null=True)),
                ('result', models.CharField(default='success', max_length=10)),
                ('reason', models.CharField(blank=True, max_length=500)),
            ],
            options={
                'db_table': 'audit_event',
                'abstract': False,
                'base_manager_name': 'unscoped',
                'default_manager_name': 'unscoped',
                'indexes': [models.Index(fields=['org_id', '-id'], name='audit_event_newest'), models.Index(fields=['org_id', 'action', '-id'], name='audit_event_by_action'), models.Index(fields=['org_id', 'actor_id', '-id'], name='audit_event_by_actor')],
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
        TenantPolicy('audit_event'),
    ]
