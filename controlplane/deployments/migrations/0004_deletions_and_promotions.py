"""What is left of deleted deployments, and promotions between deployments."""

import django.db.models.deletion
import django.db.models.manager
import django.utils.timezone
import uuid_utils.compat
from django.db import migrations, models

from tenants.rls import SameOrg, TenantPolicy


class Migration(migrations.Migration):

    dependencies = [
        ('deployments', '0003_sources_and_branches'),
    ]

    operations = [
        migrations.CreateModel(
            name='DeploymentDeletion',
            fields=[
                ('org_id', models.UUIDField()),
                ('deployment_id', models.UUIDField(primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=100)),
                ('kind', models.CharField(choices=[('full', 'Full deployment'), ('branch', 'Branch deployment')], max_length=10)),
                ('asked_by', models.CharField(max_length=254)),
                ('asked_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('due_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('runs_total', models.BigIntegerField(default=0)),
                ('runs_left', models.BigIntegerField(default=0)),
                ('note', models.CharField(blank=True, max_length=300)),
            ],
            options={
                'db_table': 'deployment_deletion',
                'abstract': False,
                'base_manager_name': 'unscoped',
                'default_manager_name': 'unscoped',
                'indexes': [models.Index(fields=['org_id', 'due_at'], name='deployment_deletion_due')],
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name='Promotion',
            fields=[
                ('org_id', models.UUIDField()),
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('source_id', models.UUIDField()),
                ('source_name', models.CharField(max_length=100)),
                ('state', models.CharField(choices=[('queued', 'Queued'), ('loading', 'Waiting for agents to load it'), ('smoke', 'Running the smoke job'), ('rolling_back', 'Rolling back'), ('succeeded', 'Succeeded'), ('failed', 'Failed'), ('rolled_back', 'Rolled back')], default='queued', max_length=12)),
                ('locations', models.JSONField()),
                ('smoke_job', models.JSONField(null=True)),
                ('smoke_run_id', models.UUIDField(null=True)),
                ('rolls_back', models.BooleanField(default=False)),
                ('message', models.TextField(blank=True)),
                ('override_reason', models.CharField(blank=True, max_length=500)),
                ('actor_kind', models.CharField(max_length=12)),
                ('actor_id', models.UUIDField(null=True)),
                ('actor_label', models.CharField(max_length=254)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('since', models.DateTimeField(default=django.utils.timezone.now)),
                ('due_at', models.DateTimeField(default=django.utils.timezone.now, null=True)),
                ('ended_at', models.DateTimeField(null=True)),
                ('deployment', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='deployments.deployment')),
            ],
            options={
                'db_table': 'promotion',
                'abstract': False,
                'base_manager_name': 'unscoped',
                'default_manager_name': 'unscoped',
                'indexes': [models.Index(fields=['org_id', 'deployment', '-id'], name='promotion_newest'), models.Index(condition=models.Q(('due_at__isnull', False)), fields=['org_id', 'due_at'], name='promotion_due')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('ended_at', None)), fields=('org_id', 'deployment'), name='promotion_one_at_a_time')],
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
        TenantPolicy('deployment_deletion'),
        TenantPolicy('promotion'),
        SameOrg('promotion', 'deployment_id', 'deployment'),
    ]
