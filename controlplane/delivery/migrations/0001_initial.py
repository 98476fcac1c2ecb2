"""The first tables of this slice."""

import django.db.models.deletion
import django.db.models.manager
import django.utils.timezone
import uuid_utils.compat
from django.db import migrations, models

from tenants.rls import SameOrg, TenantPolicy


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('deployments', '0003_sources_and_branches'),
    ]

    operations = [
        migrations.CreateModel(
            name='GitConnection',
            fields=[
                ('org_id', models.UUIDField()),
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('provider', models.CharField(choices=[('github', 'GitHub'), ('gitlab', 'GitLab')], max_length=10)),
                ('name', models.CharField(max_length=100)),
                ('api_url', models.CharField(max_length=300)),
                ('app_id', models.CharField(blank=True, max_length=50)),
                ('installation_id', models.CharField(blank=True, max_length=50)),
                ('sealed_credential', models.BinaryField()),
                ('sealed_webhook_secret', models.BinaryField()),
                ('error', models.CharField(blank=True, max_length=500)),
                ('gone_at', models.DateTimeField(null=True)),
                ('checked_at', models.DateTimeField(null=True)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('created_by', models.CharField(max_length=254)),
            ],
            options={
                'db_table': 'git_connection',
                'abstract': False,
                'base_manager_name': 'unscoped',
                'default_manager_name': 'unscoped',
                'constraints': [models.UniqueConstraint(fields=('org_id', 'name'), name='git_connection_name_once')],
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name='Repository',
            fields=[
                ('org_id', models.UUIDField()),
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('external_id', models.CharField(max_length=50)),
                ('full_name', models.CharField(max_length=300)),
                ('default_branch', models.CharField(max_length=300)),
                ('web_url', models.CharField(max_length=500)),
                ('gone_at', models.DateTimeField(null=True)),
                ('deploys_default_branch', models.BooleanField(default=False)),
                ('mode', models.CharField(choices=[('off', 'Off'), ('label', 'Those with a label'), ('automatic', 'All')], default='off', max_length=10)),
                ('label', models.CharField(default='preview', max_length=100)),
                ('exclude_labels', models.JSONField(default=list)),
                ('comment_mode', models.CharField(choices=[('always', 'Always'), ('on_change', 'When the code defines something else'), ('on_failure', 'When something failed'), ('off', 'Never')], default='always', max_length=10)),
                ('sleep_after_seconds', models.PositiveIntegerField(default=3600, null=True)),
                ('expire_after_seconds', models.PositiveIntegerField(default=604800, null=True)),
                ('reconciled_at', models.DateTimeField(null=True)),
                ('reconcile_due_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('error', models.CharField(blank=True, max_length=500)),
                ('deployed_sha', models.CharField(blank=True, max_length=64)),
                ('head_sha', models.CharField(blank=True, max_length=64)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('base', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='deployments.deployment')),
                ('connection', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='delivery.gitconnection')),
            ],
            options={
                'db_table': 'git_repository',
                'abstract': False,
                'base_manager_name': 'unscoped',
                'default_manager_name': 'unscoped',
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name='PullRequest',
            fields=[
                ('org_id', models.UUIDField()),
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('number', models.PositiveIntegerField()),
                ('state', models.CharField(choices=[('open', 'Open'), ('closed', 'Closed'), ('merged', 'Merged'), ('gone', 'Gone')], max_length=8)),
                ('title', models.CharField(max_length=300)),
                ('url', models.CharField(max_length=500)),
                ('author', models.CharField(max_length=200)),
                ('head_sha', models.CharField(max_length=64)),
                ('head_branch', models.CharField(max_length=300)),
                ('head_repository', models.CharField(blank=True, max_length=300)),
                ('base_branch', models.CharField(max_length=300)),
                ('is_fork', models.BooleanField()),
                ('labels', models.JSONField(default=list)),
                ('updated_at', models.DateTimeField()),
                ('approved_sha', models.CharField(blank=True, max_length=64)),
                ('approved_by', models.CharField(blank=True, max_length=254)),
                ('deployment_id', models.UUIDField(null=True)),
                ('delivery_state', models.CharField(choices=[('none', 'Not deployed'), ('held', 'Waiting for approval'), ('queued', 'Queued'), ('building', 'Building'), ('loading', 'Loading'), ('ready', 'Ready'), ('failed', 'Failed'), ('closing', 'Closing'), ('closed', 'Closed')], default='none', max_length=10)),
                ('delivery_note', models.TextField(blank=True)),
                ('delivered_sha', models.CharField(blank=True, max_length=64)),
                ('phases', models.JSONField(default=dict)),
                ('work_due_at', models.DateTimeField(null=True)),
                ('failures', models.PositiveIntegerField(default=0)),
                ('comment_id', models.CharField(blank=True, max_length=50)),
                ('comment_sha256', models.CharField(blank=True, max_length=64)),
                ('checks', models.JSONField(default=dict)),
                ('host_deployments', models.JSONField(default=dict)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('repository', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='delivery.repository')),
            ],
            options={
                'db_table': 'pull_request',
                'abstract': False,
                'base_manager_name': 'unscoped',
                'default_manager_name': 'unscoped',
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name='WebhookDelivery',
            fields=[
                ('org_id', models.UUIDField()),
                ('pk', models.CompositePrimaryKey('org_id', 'connection_id', 'delivery_id', blank=True, editable=False, primary_key=True, serialize=False)),
                ('delivery_id', models.CharField(max_length=100)),
                ('event', models.CharField(max_length=60)),
                ('news', models.JSONField(default=dict)),
                ('received_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('handled_at', models.DateTimeField(null=True)),
                ('connection', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='delivery.gitconnection')),
            ],
            options={
                'db_table': 'webhook_delivery',
                'abstract': False,
                'base_manager_name': 'unscoped',
                'default_manager_name': 'unscoped',
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
        migrations.AddIndex(
            model_name='repository',
            index=models.Index(fields=['org_id', 'reconcile_due_at'], name='git_repository_due'),
        ),
        migrations.AddConstraint(
            model_name='repository',
            constraint=models.UniqueConstraint(fields=('org_id', 'connection', 'external_id'), name='git_repository_once'),
        ),
        migrations.AddIndex(
            model_name='pullrequest',
            index=models.Index(condition=models.Q(('work_due_at__isnull', False)), fields=['org_id', 'work_due_at'], name='pull_request_due'),
        ),
        migrations.AddIndex(
            model_name='pullrequest',
            index=models.Index(fields=['org_id', 'deployment_id'], name='pull_request_of_deployment'),
        ),
        migrations.AddConstraint(
            model_name='pullrequest',
            constraint=models.UniqueConstraint(fields=('org_id', 'repository', 'number'), name='pull_request_once'),
        ),
        migrations.AddIndex(
            model_name='webhookdelivery',
            index=models.Index(condition=models.Q(('handled_at', None)), fields=['org_id', 'received_at'], name='webhook_delivery_waiting'),
        ),
        *(TenantPolicy(table) for table in ('git_connection', 'git_repository', 'pull_request', 'webhook_delivery')),
        SameOrg('git_repository', 'connection_id', 'git_connection'),
        SameOrg('git_repository', 'base_id', 'deployment'),
        SameOrg('pull_request', 'repository_id', 'git_repository'),
        SameOrg('webhook_delivery', 'connection_id', 'git_connection'),
    ]
