"""Streams of the audit log."""

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
            name='AuditStream',
            fields=[
                ('org_id', models.UUIDField()),
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=100)),
                ('kind', models.CharField(choices=[('webhook', 'Webhook'), ('s3', 'S3 bucket'), ('syslog', 'Syslog')], max_length=10)),
                ('config', models.JSONField(default=dict)),
                ('sealed_secrets', models.BinaryField()),
                ('position', models.BigIntegerField(default=0)),
                ('is_paused', models.BooleanField(default=False)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('created_by', models.CharField(max_length=254)),
                ('last_delivered_at', models.DateTimeField(null=True)),
                ('failures', models.IntegerField(default=0)),
                ('failing_since', models.DateTimeField(null=True)),
                ('last_error', models.CharField(blank=True, max_length=500)),
                ('next_attempt_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                'db_table': 'audit_stream',
                'abstract': False,
                'base_manager_name': 'unscoped',
                'default_manager_name': 'unscoped',
                'constraints': [models.UniqueConstraint(fields=('org_id', 'name'), name='audit_stream_name_once')],
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
        TenantPolicy('audit_stream'),
    ]
