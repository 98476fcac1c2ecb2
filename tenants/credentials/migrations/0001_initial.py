"""Blocks of single agents."""

import django.db.models.manager
import django.utils.timezone
from django.db import migrations, models

from tenants.rls import TenantPolicy


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='BlockedAgent',
            fields=[
                ('pk', models.CompositePrimaryKey('org_id', 'agent_id', blank=True, editable=False, primary_key=True, serialize=False)),
                ('org_id', models.UUIDField()),
                ('agent_id', models.UUIDField()),
                ('blocked_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('blocked_by', models.CharField(blank=True, max_length=254)),
                ('reason', models.CharField(blank=True, max_length=500)),
            ],
            options={
                'db_table': 'blocked_agent',
                'abstract': False,
                'base_manager_name': 'unscoped',
                'default_manager_name': 'unscoped',
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
        TenantPolicy('blocked_agent'),
    ]
