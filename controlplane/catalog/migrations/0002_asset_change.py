"""Changes of assets, for those who act on them."""

import django.db.models.manager
from django.db import migrations, models

from tenants.rls import TenantPolicy


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='AssetChange',
            fields=[
                ('org_id', models.UUIDField()),
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('deployment_id', models.UUIDField()),
                ('consumer', models.CharField(max_length=12)),
                ('asset_key', models.TextField()),
            ],
            options={
                'db_table': 'asset_change',
                'abstract': False,
                'base_manager_name': 'unscoped',
                'default_manager_name': 'unscoped',
                'indexes': [models.Index(fields=['org_id', 'consumer', 'deployment_id', 'id'], name='asset_change_of_consumer')],
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
        TenantPolicy('asset_change'),
    ]
