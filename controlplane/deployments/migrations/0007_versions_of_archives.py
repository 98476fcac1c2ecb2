"""An index for asking which versions are made of an archive."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('deployments', '0006_bases_of_revisions'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='locationversion',
            index=models.Index(condition=models.Q(('source_sha256', ''), _negated=True), fields=['org_id', 'source_sha256'], name='location_version_of_source'),
        ),
    ]
