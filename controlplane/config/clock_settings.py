"""What the clock does and wakes, and who serves it. Part of settings.py, which takes all of it over."""

# What the clock wakes, and how often, in seconds. Each is a sweep: it makes good a wake-up that was lost.
DUE_JOBS: dict[str, float] = {
    "automation.sweep_conditions": 2.0,
    "audit_log.deliver_streams": 5.0,
    "automation.catch_up": 5.0,
    "automation.launch_waiting": 5.0,
    "automation.sweep_definitions": 5.0,
    "catalog.sweep_freshness": 2.0,
    "core.delete_organizations": 300.0,
    "core.ensure_partitions": 3600.0,
    "core.send_mail": 10.0,
    "delivery.sweep_branches": 5.0,
    "delivery.sweep_pull_requests": 2.0,
    "delivery.sweep_repositories": 10.0,
    "delivery.sweep_news": 20.0,
    "core.forget_ended_sessions": 3600.0,
    "delivery.delete_deployments": 5.0,
    "delivery.go_on_with_promotions": 2.0,
    "delivery.sweep_webhooks": 3600.0,
    "deployments.sweep_source_archives": 600.0,
    "delivery.delete_old_history": 600.0,
    "dispatch.sweep_commands": 5.0,
    "external.forget_deliveries": 3600.0,
    "external.go_on_with_wipes": 5.0,
    "external.sweep_pipes": 60.0,
    "runs.sweep_leases": 2.0,
    "runs.sweep_bulk_actions": 10.0,
    "runs.sweep_timeouts": 5.0,
    "runs.compact_logs": 30.0,
}

# What the clock does itself, many times a second: functions by name, and the seconds between two beats that find nothing to do.
CLOCK_BEATS: dict[str, float] = {
    "controlplane.automation.ticks.firing.beat": 0.25,
    "controlplane.automation.ticks.overdue.beat": 1.0,
    "controlplane.automation.backfills.waking.beat": 0.5,
    "controlplane.automation.conditions.waking.beat": 0.5,
    "controlplane.runs.retries.launch_due": 1.0,
}
# Conditions and backfills are planned by processes that have dagster: they alone serve these queues.
# It takes turns between the two: many backfills keep no condition waiting.
CELERY_TASK_ROUTES = {"evaluator.advance_backfill": {"queue": "backfills"}, "evaluator.*": {"queue": "evaluator"}}
