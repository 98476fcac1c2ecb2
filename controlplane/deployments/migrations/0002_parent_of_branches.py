"""The full deployment that a branch deployment belongs to."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('deployments', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='deployment',
            name='parent_id',
            field=models.UUIDField(null=True),
        ),
    ]
