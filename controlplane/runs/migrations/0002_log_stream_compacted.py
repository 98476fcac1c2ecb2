"""Which captured streams have been compacted."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("runs", "0001_initial"),
    ]

    operations = [
        migrations.AddField("logstream", "compacted", models.BooleanField(default=False, db_default=False)),
        migrations.AddIndex(
            "logstream",
            models.Index(
                fields=["org_id", "run_id"],
                name="log_stream_loose",
                condition=models.Q(("compacted", False), ("final", True)),
            ),
        ),
    ]
