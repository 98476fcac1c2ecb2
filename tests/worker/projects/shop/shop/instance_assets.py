"""Assets that use the instance: every public method of it, and one that no run may call."""

import dagster as dg


@dg.asset(group_name="instance")
def reads_everything(context: dg.AssetExecutionContext):
    instance = context.instance
    key = dg.AssetKey("trivial")
    found = {
        "asset_keys": [item.to_user_string() for item in instance.get_asset_keys(prefix=["t"], limit=5)],
        "has_asset_key": instance.has_asset_key(key),
        "asset_records": len(instance.get_asset_records([key])),
        "materializations": len(instance.fetch_materializations(key, limit=3).records),
        "observations": len(instance.fetch_observations(dg.AssetRecordsFilter(asset_key=key), limit=3).records),
        "event": instance.get_latest_materialization_event(key) is not None,
        "code_versions": instance.get_latest_materialization_code_versions([key])[key],
        "statuses": statuses(instance),
        "run": instance.get_run_by_id("other-run").status.value,
        "own_run": instance.get_run_by_id(context.run_id).status.value,
        "record": instance.get_run_record_by_id("other-run").start_time,
        "records": [item.dagster_run.job_name for item in instance.get_run_records(dg.RunsFilter(job_name="x"))],
        "changes": len(instance.fetch_run_status_changes(dg.DagsterEventType.RUN_SUCCESS, limit=2).records),
        "dynamic": list(instance.get_dynamic_partitions("files")),
        "has_dynamic": instance.has_dynamic_partition("files", "a.csv"),
        "logs": [entry.dagster_event_type.value for entry in instance.all_logs("other-run")],
        "freshness": freshness(instance, key),
        "same": type(dg.DagsterInstance.get().run_storage).__name__,
    }
    instance.add_dynamic_partitions("files", ["b.csv"])
    instance.delete_dynamic_partition("files", "a.csv")
    instance.report_runless_asset_event(dg.AssetMaterialization("elsewhere"))
    instance.wipe_assets([key])
    instance.delete_run("other-run")
    instance.add_run_tags(context.run_id, {"seen": "yes"})
    return dg.MaterializeResult(metadata={"found": dg.MetadataValue.json(found)})


def freshness(instance, key) -> str:
    # Dagster's record of it is younger than the oldest release that is supported.
    read = getattr(instance, "get_freshness_state_records", None)
    if read is None or not hasattr(dg.FreshnessPolicy, "cron"):
        return "WARN"
    return read([key])[key].freshness_state.value


def statuses(instance) -> dict:
    definition = dg.StaticPartitionsDefinition(["us", "eu", "apac"])
    answer = instance.get_status_by_partition(dg.AssetKey("by_region"), ["us", "eu", "apac"], definition)
    return {key: status.value if status else None for key, status in answer.items()}


@dg.asset(group_name="instance")
def asks_too_much(context):
    context.instance.run_storage.get_daemon_heartbeats()
