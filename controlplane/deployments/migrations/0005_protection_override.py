"""Admins may go past protection rules for a while."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('deployments', '0004_deletions_and_promotions'),
    ]

    operations = [
        migrations.AddField(
            model_name='deployment',
            name='protection_override',
            field=models.JSONField(null=True),
        ),
    ]
