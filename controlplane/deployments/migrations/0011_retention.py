"""Dropping weeks of history, and how far history was deleted."""

import django.db.models.manager
import django.utils.timezone
from django.db import migrations, models

from controlplane.core.old_partitions import DROP_PARTITION_SQL, UNDO_DROP_PARTITION_SQL
from tenants.rls import TenantPolicy


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0001_initial'),
        ('deployments', '0010_watchers'),
    ]

    operations = [
        migrations.RunSQL(DROP_PARTITION_SQL, UNDO_DROP_PARTITION_SQL),
        migrations.CreateModel(
            name='RetentionMark',
            fields=[
                ('org_id', models.UUIDField()),
                ('pk', models.CompositePrimaryKey('org_id', 'deployment_id', 'kind', blank=True, editable=False, primary_key=True, serialize=False)),
                ('deployment_id', models.UUIDField()),
                ('kind', models.CharField(max_length=16)),
                ('before', models.DateTimeField()),
                ('updated_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                'db_table': 'retention_mark',
                'abstract': False,
                'default_manager_name': 'unscoped',
                'base_manager_name': 'unscoped',
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
        TenantPolicy('retention_mark'),
    ]
