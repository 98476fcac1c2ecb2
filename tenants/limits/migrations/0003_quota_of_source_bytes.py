"""Quota of source archives."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("limits", "0002_quotas_of_branches"),
    ]

    operations = [
        migrations.AlterField(
            "organizationquota",
            "name",
            models.CharField(
                choices=[
                    ("concurrent_runs", "Runs at once"),
                    ("branch_runs", "Runs of branch deployments at once"),
                    ("runs_per_branch", "Runs of one branch deployment at once"),
                    ("events_per_second", "Events per second"),
                    ("log_bytes_per_second", "Log bytes per second"),
                    ("deployments", "Full deployments"),
                    ("branch_deployments", "Branch deployments"),
                    ("source_bytes", "Bytes of source archives"),
                    ("tokens", "Live tokens"),
                    ("api_requests_per_minute", "API requests per minute and caller"),
                ],
                max_length=32,
            ),
        ),
    ]
