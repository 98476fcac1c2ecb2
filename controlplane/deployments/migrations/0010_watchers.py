"""Who follows the changes of a deployment's assets."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('deployments', '0009_forks'),
    ]

    operations = [
        migrations.AddField(
            model_name='deployment',
            name='watchers',
            field=models.JSONField(db_default=[], default=list),
        ),
    ]
