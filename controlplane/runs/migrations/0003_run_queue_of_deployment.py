"""The queue of each deployment by itself: claims look at the first few of each."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("runs", "0002_log_stream_compacted"),
    ]

    operations = [
        migrations.AddIndex(
            "run",
            models.Index(
                fields=["org_id", "deployment_id", "-priority", "id"],
                name="run_queue_of_deployment",
                condition=models.Q(("status", "QUEUED")),
            ),
        ),
    ]
