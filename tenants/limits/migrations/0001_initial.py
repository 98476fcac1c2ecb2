"""Quotas of organizations."""

import django.db.models.manager
from django.db import migrations, models

from tenants.rls import TenantPolicy


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='OrganizationQuota',
            fields=[
                ('org_id', models.UUIDField()),
                ('pk', models.CompositePrimaryKey('org_id', 'name', blank=True, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(choices=[('concurrent_runs', 'Runs at once'), ('events_per_second', 'Events per second'), ('log_bytes_per_second', 'Log bytes per second'), ('deployments', 'Full deployments'), ('tokens', 'Live tokens'), ('api_requests_per_minute', 'API requests per minute and caller')], max_length=32)),
                ('value', models.BigIntegerField()),
                ('set_at', models.DateTimeField(auto_now=True)),
                ('set_by', models.CharField(max_length=254)),
            ],
            options={
                'db_table': 'organization_quota',
                'abstract': False,
                'base_manager_name': 'unscoped',
                'default_manager_name': 'unscoped',
                'constraints': [models.CheckConstraint(condition=models.Q(('value__gte', 0)), name='organization_quota_not_negative')],
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
        TenantPolicy('organization_quota'),
    ]
