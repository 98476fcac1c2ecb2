"""Source archives, branch deployments, and what is kept of a deployment and of a version beside."""

import django.db.models.deletion
import django.db.models.manager
import django.utils.timezone
from django.db import migrations, models

from tenants.rls import SameOrg, TenantPolicy


class Migration(migrations.Migration):

    dependencies = [
        ('deployments', '0002_parent_of_branches'),
    ]

    operations = [
        migrations.CreateModel(
            name='SourceArchive',
            fields=[
                ('org_id', models.UUIDField()),
                ('pk', models.CompositePrimaryKey('org_id', 'sha256', blank=True, editable=False, primary_key=True, serialize=False)),
                ('sha256', models.CharField(max_length=64)),
                ('bytes', models.BigIntegerField()),
                ('uploaded_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('used_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                'db_table': 'source_archive',
                'abstract': False,
                'base_manager_name': 'unscoped',
                'default_manager_name': 'unscoped',
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
        migrations.AddField(
            model_name='deployment',
            name='description',
            field=models.CharField(blank=True, max_length=500),
        ),
        migrations.AddField(
            model_name='deployment',
            name='frozen_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='deployment',
            name='frozen_by',
            field=models.CharField(blank=True, max_length=254),
        ),
        migrations.AddField(
            model_name='deployment',
            name='frozen_reason',
            field=models.CharField(blank=True, max_length=500),
        ),
        migrations.AddField(
            model_name='deployment',
            name='is_awake',
            field=models.BooleanField(db_default=True, default=True),
        ),
        migrations.AddField(
            model_name='deployment',
            name='protection',
            field=models.JSONField(default=dict),
        ),
        migrations.AddField(
            model_name='deployment',
            name='settings',
            field=models.JSONField(default=dict),
        ),
        migrations.AddField(
            model_name='locationversion',
            name='container_context',
            field=models.JSONField(default=dict),
        ),
        migrations.AddField(
            model_name='locationversion',
            name='git',
            field=models.JSONField(default=dict),
        ),
        migrations.AddField(
            model_name='locationversion',
            name='image',
            field=models.CharField(blank=True, max_length=500),
        ),
        migrations.AddField(
            model_name='locationversion',
            name='phases',
            field=models.JSONField(default=dict),
        ),
        migrations.AddField(
            model_name='locationversion',
            name='promoted_from_id',
            field=models.UUIDField(null=True),
        ),
        migrations.AddField(
            model_name='locationversion',
            name='rolled_back_to',
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.AddField(
            model_name='locationversion',
            name='source_sha256',
            field=models.CharField(blank=True, max_length=64),
        ),
        migrations.CreateModel(
            name='BranchDeployment',
            fields=[
                ('org_id', models.UUIDField()),
                ('deployment', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='+', serialize=False, to='deployments.deployment')),
                ('repository', models.CharField(max_length=300)),
                ('repository_id', models.UUIDField(null=True)),
                ('pull_request', models.PositiveIntegerField(null=True)),
                ('pull_request_status', models.CharField(blank=True, choices=[('OPEN', 'Open'), ('CLOSED', 'Closed'), ('MERGED', 'Merged')], max_length=8)),
                ('pull_request_url', models.CharField(blank=True, max_length=500)),
                ('branch', models.CharField(max_length=300)),
                ('branch_url', models.CharField(blank=True, max_length=500)),
                ('title', models.CharField(blank=True, max_length=300)),
                ('head_sha', models.CharField(blank=True, max_length=64)),
                ('git', models.JSONField(default=dict)),
                ('is_fork', models.BooleanField(default=False)),
                ('state', models.CharField(choices=[('held', 'Waiting for approval'), ('active', 'Active'), ('sleeping', 'Sleeping'), ('closing', 'Closing'), ('archived', 'Archived')], default='active', max_length=10)),
                ('merge_base_sha', models.CharField(blank=True, max_length=64)),
                ('base_manifests', models.JSONField(null=True)),
                ('base_note', models.CharField(blank=True, max_length=500)),
                ('created_by', models.CharField(blank=True, max_length=254)),
                ('active_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('sleep_after_seconds', models.PositiveIntegerField(default=3600, null=True)),
                ('expires_at', models.DateTimeField(null=True)),
                ('warned_at', models.DateTimeField(null=True)),
                ('closed_at', models.DateTimeField(null=True)),
                ('close_reason', models.CharField(blank=True, max_length=300)),
                ('archived_at', models.DateTimeField(null=True)),
            ],
            options={
                'db_table': 'branch_deployment',
                'abstract': False,
                'base_manager_name': 'unscoped',
                'default_manager_name': 'unscoped',
                'indexes': [models.Index(fields=['org_id', 'state'], name='branch_by_state')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('pull_request__isnull', False)), fields=('org_id', 'repository', 'pull_request'), name='branch_of_pull_request_once'), models.UniqueConstraint(condition=models.Q(('pull_request', None)), fields=('org_id', 'repository', 'branch'), name='branch_of_branch_once')],
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name='BranchRevision',
            fields=[
                ('org_id', models.UUIDField()),
                ('pk', models.CompositePrimaryKey('org_id', 'deployment_id', 'sha', blank=True, editable=False, primary_key=True, serialize=False)),
                ('sha', models.CharField(max_length=64)),
                ('versions', models.JSONField(default=dict)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('deployment', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='deployments.deployment')),
            ],
            options={
                'db_table': 'branch_revision',
                'abstract': False,
                'base_manager_name': 'unscoped',
                'default_manager_name': 'unscoped',
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
        TenantPolicy('source_archive'),
        TenantPolicy('branch_deployment'),
        SameOrg('branch_deployment', 'deployment_id', 'deployment'),
        TenantPolicy('branch_revision'),
        SameOrg('branch_revision', 'deployment_id', 'deployment'),
    ]
