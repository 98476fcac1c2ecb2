"""The beginning and end of branch deployments, leases of pull requests, and what their hosts were told last."""

import django.db.models.deletion
import django.db.models.manager
from django.db import migrations, models

from tenants.rls import SameOrg, TenantPolicy


class Migration(migrations.Migration):

    dependencies = [
        ('delivery', '0001_initial'),
        ('deployments', '0003_sources_and_branches'),
    ]

    operations = [
        migrations.AddField(
            model_name='pullrequest',
            name='gone_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='pullrequest',
            name='branch_file',
            field=models.JSONField(null=True),
        ),
        migrations.AddField(
            model_name='pullrequest',
            name='branch_file_sha',
            field=models.CharField(blank=True, max_length=64),
        ),
        migrations.AddField(
            model_name='pullrequest',
            name='layout',
            field=models.JSONField(default=dict),
        ),
        migrations.AddField(
            model_name='pullrequest',
            name='leased_until',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='pullrequest',
            name='report_error',
            field=models.CharField(blank=True, max_length=500),
        ),
        migrations.AddField(
            model_name='pullrequest',
            name='reported_state',
            field=models.CharField(blank=True, max_length=10),
        ),
        migrations.CreateModel(
            name='BranchLife',
            fields=[
                ('org_id', models.UUIDField()),
                ('deployment', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='+', serialize=False, to='deployments.deployment')),
                ('expire_after_seconds', models.PositiveIntegerField(null=True)),
                ('on_create', models.JSONField(null=True)),
                ('on_close', models.JSONField(null=True)),
                ('create_run_id', models.UUIDField(null=True)),
                ('create_error', models.TextField(blank=True)),
                ('close_run_id', models.UUIDField(null=True)),
                ('close_attempts', models.PositiveIntegerField(default=0)),
                ('close_error', models.TextField(blank=True)),
                ('close_deadline', models.DateTimeField(null=True)),
                ('due_at', models.DateTimeField(null=True)),
            ],
            options={
                'db_table': 'branch_life',
                'abstract': False,
                'base_manager_name': 'unscoped',
                'default_manager_name': 'unscoped',
                'indexes': [models.Index(condition=models.Q(('due_at__isnull', False)), fields=['org_id', 'due_at'], name='branch_life_due')],
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
        TenantPolicy('branch_life'),
        SameOrg('branch_life', 'deployment_id', 'deployment'),
    ]
