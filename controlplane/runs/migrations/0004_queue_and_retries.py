"""The queue: shares and pools of runs, slots of pools, verdicts on failed runs, and what is done to many runs at once."""

import django.db.models.functions.datetime
import django.db.models.manager
import django.utils.timezone
import uuid_utils.compat
from django.db import migrations, models

from tenants.rls import TenantPolicy

_OPTIONS = {
    "abstract": False,
    "base_manager_name": "unscoped",
    "default_manager_name": "unscoped",
}
_MANAGERS = [("unscoped", django.db.models.manager.Manager())]


class Migration(migrations.Migration):

    dependencies = [
        ("runs", "0003_run_queue_of_deployment"),
    ]

    operations = [
        migrations.AddField("run", "share", models.CharField(db_default="", default="", max_length=254)),
        migrations.AddField("run", "pools", models.JSONField(db_default=[], default=list)),
        migrations.AddField("run", "gate_pools", models.JSONField(db_default=[], default=list)),
        migrations.AddField("run", "retry_verdict", models.CharField(blank=True, db_default="", default="", max_length=10)),
        migrations.AddField("run", "retry_message", models.TextField(blank=True, db_default="", default="")),
        migrations.AddField("run", "retry_at", models.DateTimeField(null=True)),
        migrations.AddField("run", "retry_run_id", models.UUIDField(null=True)),
        # Claims go by share now; with these beside it, they would be planned by the wrong one.
        migrations.RemoveIndex("run", "run_queue"),
        migrations.RemoveIndex("run", "run_queue_of_deployment"),
        migrations.AddIndex(
            "run",
            models.Index(
                fields=["org_id", "deployment_id", "share", "-priority", "id"],
                name="run_queue_of_share",
                condition=models.Q(("status", "QUEUED")),
            ),
        ),
        migrations.AddIndex(
            "run",
            models.Index(condition=models.Q(("retry_verdict", "due")), fields=["retry_at"], name="run_retry_due"),
        ),
        # The timeline looks for what was going on at a time: made before it, ended in it.
        migrations.AddIndex("run", models.Index(fields=["org_id", "deployment_id", "ended_at", "id"], name="run_by_end")),
        migrations.CreateModel(
            name="Pool",
            fields=[
                ("org_id", models.UUIDField()),
                ("pk", models.CompositePrimaryKey("deployment_id", "name", blank=True, editable=False, primary_key=True, serialize=False)),
                ("deployment_id", models.UUIDField()),
                ("name", models.CharField(max_length=500)),
                ("slots", models.PositiveIntegerField(null=True)),
                ("updated_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={"db_table": "pool", **_OPTIONS},
            managers=_MANAGERS,
        ),
        migrations.CreateModel(
            name="PoolSlot",
            fields=[
                ("org_id", models.UUIDField()),
                ("pk", models.CompositePrimaryKey("run_id", "pool", "step_key", blank=True, editable=False, primary_key=True, serialize=False)),
                ("run_id", models.UUIDField()),
                ("pool", models.CharField(max_length=500)),
                ("step_key", models.CharField(blank=True, max_length=1000)),
                ("deployment_id", models.UUIDField()),
                ("priority", models.IntegerField(default=0)),
                ("asked_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("claimed_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "pool_slot",
                **_OPTIONS,
                "indexes": [models.Index(fields=["org_id", "deployment_id", "pool"], name="pool_slot_of_pool")],
            },
            managers=_MANAGERS,
        ),
        migrations.CreateModel(
            name="BulkAction",
            fields=[
                ("org_id", models.UUIDField()),
                ("id", models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ("deployment_id", models.UUIDField()),
                ("kind", models.CharField(choices=[("cancel", "Cancel"), ("reexecute", "Run again"), ("reexecute_from_failure", "Run again from failure"), ("delete", "Delete")], max_length=24)),
                ("run_ids", models.JSONField()),
                ("actor_kind", models.CharField(max_length=12)),
                ("actor_id", models.UUIDField(null=True)),
                ("actor_label", models.CharField(max_length=254)),
                ("total", models.PositiveIntegerField()),
                ("done", models.PositiveIntegerField(default=0)),
                ("skipped", models.PositiveIntegerField(default=0)),
                ("skipped_why", models.JSONField(default=list)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("ended_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "bulk_action",
                **_OPTIONS,
                "indexes": [
                    models.Index(fields=["org_id", "deployment_id", "-id"], name="bulk_action_newest"),
                    models.Index(condition=models.Q(("ended_at", None)), fields=["id"], name="bulk_action_open"),
                ],
            },
            managers=_MANAGERS,
        ),
        TenantPolicy("pool"),
        TenantPolicy("pool_slot"),
        TenantPolicy("bulk_action"),
        # Of the lists of runs: a filter by code location, or by a job of one code location, that finds little.
        migrations.RemoveIndex("run", "run_by_job"),
        migrations.AddIndex(
            "run",
            models.Index(
                fields=["org_id", "deployment_id", "job_name", "-id"], include=["location_name"], name="run_by_job"
            ),
        ),
        migrations.AddIndex(
            "run",
            models.Index(fields=["org_id", "deployment_id", "location_name", "-id"], name="run_by_location"),
        ),
    ]
