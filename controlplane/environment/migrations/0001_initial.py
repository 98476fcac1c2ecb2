"""Environment variables, the counter of their changes, and the public keys of agents."""

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
        ('deployments', '0002_parent_of_branches'),
    ]

    operations = [
        migrations.CreateModel(
            name='AgentKey',
            fields=[
                ('org_id', models.UUIDField()),
                ('pk', models.CompositePrimaryKey('org_id', 'agent_id', blank=True, editable=False, primary_key=True, serialize=False)),
                ('agent_id', models.UUIDField()),
                ('key_id', models.CharField(max_length=16)),
                ('public_key', models.BinaryField(max_length=32)),
                ('registered_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                'db_table': 'agent_key',
                'abstract': False,
                'base_manager_name': 'unscoped',
                'default_manager_name': 'unscoped',
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name='EnvironmentRevision',
            fields=[
                ('org_id', models.UUIDField()),
                ('pk', models.CompositePrimaryKey('org_id', 'deployment_id', blank=True, editable=False, primary_key=True, serialize=False)),
                ('number', models.PositiveBigIntegerField(default=1)),
                ('deployment', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='deployments.deployment')),
            ],
            options={
                'db_table': 'environment_revision',
                'abstract': False,
                'base_manager_name': 'unscoped',
                'default_manager_name': 'unscoped',
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name='EnvironmentVariable',
            fields=[
                ('org_id', models.UUIDField()),
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=512)),
                ('in_full', models.BooleanField(default=False)),
                ('in_all_branches', models.BooleanField(default=False)),
                ('in_local', models.BooleanField(default=False)),
                ('locations', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=200), default=list, size=None)),
                ('kind', models.CharField(choices=[('value', 'Value'), ('reference', 'Reference'), ('sealed_to_agents', 'Sealed to agents')], max_length=20)),
                ('sealed', models.BinaryField(null=True)),
                ('store', models.CharField(blank=True, choices=[('aws_secrets_manager', 'AWS Secrets Manager'), ('vault', 'Vault'), ('kubernetes', 'Kubernetes')], max_length=20)),
                ('reference', models.CharField(blank=True, max_length=2100)),
                ('sealed_boxes', models.JSONField(default=dict)),
                ('masked', models.BooleanField(default=True)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('updated_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('updated_by', models.CharField(blank=True, max_length=254)),
                ('branch', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='deployments.deployment')),
                ('deployment', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='deployments.deployment')),
            ],
            options={
                'db_table': 'environment_variable',
                'abstract': False,
                'base_manager_name': 'unscoped',
                'default_manager_name': 'unscoped',
                'indexes': [models.Index(fields=['org_id', 'deployment', 'name'], name='environment_variable_by_name')],
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('branch__isnull', False), ('in_all_branches', False), ('in_full', False), ('in_local', False)), models.Q(('branch', None), models.Q(('in_full', True), ('in_all_branches', True), ('in_local', True), _connector='OR')), _connector='OR'), name='environment_variable_scope')],
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
        *(TenantPolicy(table) for table in ('environment_variable', 'environment_revision', 'agent_key')),
        SameOrg('environment_variable', 'deployment_id', 'deployment'),
        SameOrg('environment_variable', 'branch_id', 'deployment'),
        SameOrg('environment_revision', 'deployment_id', 'deployment'),
    ]
