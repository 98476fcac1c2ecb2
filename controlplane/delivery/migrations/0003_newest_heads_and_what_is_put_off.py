"""Which commit of a default branch is the newest, which one cannot be deployed, and branches that had to be put off."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('delivery', '0002_branch_life'),
    ]

    operations = [
        migrations.AddField(
            model_name='repository',
            name='head_asked_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='repository',
            name='failed_sha',
            field=models.CharField(blank=True, max_length=64),
        ),
        migrations.AddField(
            model_name='repository',
            name='failed_why',
            field=models.CharField(blank=True, max_length=500),
        ),
        migrations.AddField(
            model_name='branchlife',
            name='put_off_until',
            field=models.DateTimeField(null=True),
        ),
    ]
