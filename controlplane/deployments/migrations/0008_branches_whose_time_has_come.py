"""Indexes for the sweeps that ask for branches of all organizations whose time has come."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('deployments', '0007_versions_of_archives'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='branchdeployment',
            index=models.Index(condition=models.Q(('state', 'active')), fields=['org_id', 'active_at'], name='branch_awake'),
        ),
        migrations.AddIndex(
            model_name='branchdeployment',
            index=models.Index(condition=models.Q(('state', 'closing')), fields=['org_id'], name='branch_closing'),
        ),
        migrations.AddIndex(
            model_name='branchdeployment',
            index=models.Index(condition=models.Q(('state__in', ['active', 'sleeping', 'held'])), fields=['org_id', 'expires_at'], name='branch_expires'),
        ),
        migrations.AddIndex(
            model_name='branchdeployment',
            index=models.Index(condition=models.Q(('state', 'archived')), fields=['org_id', 'archived_at'], name='branch_archived'),
        ),
    ]
