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
    ]

    operations = [
        migrations.CreateModel(
            name='Deployment',
            fields=[
                ('org_id', models.UUIDField()),
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('name', models.SlugField(max_length=100, db_index=False)),
                ('kind', models.CharField(choices=[('full', 'Full deployment'), ('branch', 'Branch deployment')], default='full', max_length=10)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                'db_table': 'deployment',
                'abstract': False,
                'base_manager_name': 'unscoped',
                'default_manager_name': 'unscoped',
                'constraints': [models.UniqueConstraint(fields=('org_id', 'name'), name='deployment_name_once')],
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name='CodeLocation',
            fields=[
                ('org_id', models.UUIDField()),
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=200)),
                ('queue', models.CharField(default='default', max_length=100)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('deployment', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='deployments.deployment')),
            ],
            options={
                'db_table': 'code_location',
                'abstract': False,
                'base_manager_name': 'unscoped',
                'default_manager_name': 'unscoped',
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name='LocationVersion',
            fields=[
                ('org_id', models.UUIDField()),
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('number', models.PositiveIntegerField()),
                ('target', models.JSONField()),
                ('git_commit', models.CharField(blank=True, max_length=64)),
                ('git_url', models.CharField(blank=True, max_length=500)),
                ('deployed_by', models.CharField(max_length=254)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('state', models.CharField(choices=[('pending', 'Waiting for an agent'), ('loading', 'Loading'), ('loaded', 'Loaded'), ('failed', 'Failed to load')], default='pending', max_length=10)),
                ('error', models.JSONField(null=True)),
                ('load_seconds', models.FloatField(null=True)),
                ('loaded_at', models.DateTimeField(null=True)),
                ('dagster_version', models.CharField(blank=True, max_length=40)),
                ('python_version', models.CharField(blank=True, max_length=40)),
                ('worker_mode', models.CharField(blank=True, max_length=12)),
                ('worker_mode_reason', models.CharField(blank=True, max_length=500)),
                ('counts', models.JSONField(default=dict)),
                ('manifest_sha256', models.CharField(blank=True, max_length=64)),
                ('snapshot_sha256', models.CharField(blank=True, max_length=64)),
                ('location', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='deployments.codelocation')),
            ],
            options={
                'db_table': 'location_version',
                'abstract': False,
                'base_manager_name': 'unscoped',
                'default_manager_name': 'unscoped',
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
        migrations.AddField(
            model_name='codelocation',
            name='current',
            field=models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='deployments.locationversion'),
        ),
        migrations.AddField(
            model_name='codelocation',
            name='desired',
            field=models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='deployments.locationversion'),
        ),
        migrations.AddConstraint(
            model_name='locationversion',
            constraint=models.UniqueConstraint(fields=('org_id', 'location', 'number'), name='location_version_number_once'),
        ),
        migrations.AddConstraint(
            model_name='codelocation',
            constraint=models.UniqueConstraint(fields=('org_id', 'deployment', 'name'), name='code_location_name_once'),
        ),
        TenantPolicy('deployment'),
        TenantPolicy('code_location'),
        SameOrg('code_location', 'deployment_id', 'deployment'),
        TenantPolicy('location_version'),
        SameOrg('location_version', 'location_id', 'code_location'),
    ]
