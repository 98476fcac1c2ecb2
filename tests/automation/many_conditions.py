"""Assets with every kind of automation condition, for the differential test. As user code would write them."""

import datetime

import dagster as dg

AC = dg.AutomationCondition

hourly = dg.HourlyPartitionsDefinition(start_date="2026-11-19-00:00")
daily = dg.DailyPartitionsDefinition(start_date="2026-11-10")
weekly = dg.WeeklyPartitionsDefinition(start_date="2026-11-01")
static = dg.StaticPartitionsDefinition(["a", "b", "c"])
dynamic = dg.DynamicPartitionsDefinition(name="dyn")
grid = dg.MultiPartitionsDefinition({"day": daily, "shop": static})


window = dg.FreshnessPolicy.time_window(datetime.timedelta(hours=2), datetime.timedelta(hours=1))


def asset(name, *deps, on=None, **given):
    @dg.asset(name=name, deps=list(deps), automation_condition=on, **given)
    def made(): ...

    return made


def mapped(key, mapping):
    return dg.AssetDep(key, partition_mapping=mapping)


eager = AC.eager()
assets = [
    asset("u1", code_version="1"),
    asset("u2"),
    asset("m1", "u1", "u2", on=eager),
    asset("m2", "m1", on=eager),
    asset("m3", "m2", on=eager, tags={"layer": "gold"}),
    asset("miss", "u1", on=AC.on_missing()),
    asset("raw_missing", "u2", on=AC.missing() & ~AC.in_progress()),
    asset("lazy", "u1", on=AC.any_downstream_conditions()),
    asset("lazier", "lazy", on=AC.any_downstream_conditions()),
    asset("lazychild", "lazier", on=eager),
    asset("d0", partitions_def=daily),
    asset("d1", "d0", partitions_def=daily, on=eager),
    asset("d_all", "d0", partitions_def=daily, on=eager.without(AC.in_latest_time_window())),
    asset("d_back", "d0", partitions_def=daily, on=AC.in_latest_time_window(datetime.timedelta(days=3)) & AC.missing()),
    asset("w1", "d0", partitions_def=weekly, on=eager),
    asset("h0", partitions_def=hourly),
    asset("h1", "h0", partitions_def=hourly, on=eager),
    asset("h_day", "h0", partitions_def=daily, on=eager),
    asset("s0", partitions_def=static),
    asset("s1", "s0", "u2", partitions_def=static, on=eager),
    asset("y0", partitions_def=dynamic),
    asset("y1", "y0", partitions_def=dynamic, on=eager),
    asset("g0", "d0", partitions_def=grid, on=eager),
    asset("last", mapped("d0", dg.LastPartitionMapping()), on=eager),
    asset("custom", "u1", on=AC.any_deps_match(AC.newly_updated()) & ~AC.in_progress()),
    asset("cv", "m1", on=AC.code_version_changed() | (AC.any_deps_updated() & ~AC.execution_failed())),
    asset("negated", "u1", on=(~AC.any_deps_match(AC.newly_updated())).newly_true() & ~AC.in_progress()),
    asset("asked", "m1", on=AC.any_deps_match(AC.newly_requested())),
    asset("cron", "u1", "u2", on=AC.on_cron("0 * * * *")),
    asset("ticked", on=AC.cron_tick_passed("*/20 * * * *")),
    asset("dv", "u1", on=AC.any_deps_match(AC.data_version_changed())),
    asset("failed_upstream", "u2", on=AC.any_deps_match(AC.execution_failed()).newly_true()),
    asset("only_gold", "m3", "u1", on=AC.eager().allow(dg.AssetSelection.tag("layer", "gold"))),
    asset("no_u1", "u1", "u2", on=AC.eager().ignore(dg.AssetSelection.assets("u1"))),
    asset("roots", "u1", on=AC.any_deps_match(AC.executed_with_tags(tag_values={"team": "a"}) & AC.newly_updated())),
    asset("tagged", "u1", on=AC.any_deps_match(AC.any_new_update_has_run_tags(tag_values={"team": "a"}))),
    asset("alltags", "u2", on=AC.any_deps_match(AC.all_new_updates_have_run_tags(tag_values={"team": "a"}))),
    asset("initial", on=AC.initial_evaluation()),
    asset("grandchild", "m2", on=AC.any_deps_match(AC.any_deps_match(AC.newly_updated()))),
    asset("waits_for_checks", "u1", on=AC.eager() & AC.all_deps_match(AC.all_checks_match(AC.check_passed()))),
    asset("on_failed_check", "u1", on=AC.any_deps_match(AC.any_checks_match(AC.check_failed())).newly_true()),
    asset("check_begins", "u1", on=AC.any_deps_match(AC.any_checks_match(AC.in_progress())).newly_true()),
    asset("check_breaks", "u1", on=AC.any_deps_match(AC.any_checks_match(AC.execution_failed())).newly_true()),
    asset("check_lacks", "m1", on=AC.any_deps_match(AC.any_checks_match(AC.missing())).newly_true()),
    asset("check_tells", "u1", on=AC.any_deps_match(AC.any_checks_match(AC.newly_updated()))),
    asset("f0", freshness_policy=window),
    asset("f1", "f0", freshness_policy=window),
    asset("late", "f0", "f1", on=AC.any_deps_match(AC.freshness_failed()).newly_true()),
    asset("warned", "f1", on=AC.any_deps_match(AC.freshness_warned()) & ~AC.in_progress()),
    asset("all_fresh", "f0", "f1", on=AC.all_deps_match(AC.freshness_passed()).newly_true()),
    asset("fills", "d0", "s0", partitions_def=daily, on=AC.missing() & ~AC.in_progress()),
    asset("filled", "fills", partitions_def=daily, on=AC.any_deps_updated() & ~AC.in_progress()),
    asset("filling", "fills", on=AC.any_deps_match(AC.in_progress()).newly_true()),
]


@dg.multi_asset(
    specs=[
        dg.AssetSpec("ma", deps=["u1"], automation_condition=eager),
        dg.AssetSpec("mb", deps=["u2"], automation_condition=eager),
    ]
)
def multi(): ...


@dg.asset_check(asset="u1")
def u1_ok():
    return dg.AssetCheckResult(passed=True)


@dg.asset_check(asset="u1", automation_condition=AC.any_deps_match(AC.newly_updated()) & ~AC.in_progress())
def u1_again():
    return dg.AssetCheckResult(passed=True)


@dg.asset_check(asset="m1", automation_condition=AC.eager())
def m1_ok():
    return dg.AssetCheckResult(passed=True)


@dg.observable_source_asset(name="seen", automation_condition=AC.on_cron("*/30 * * * *"))
def seen():
    return dg.DataVersion("1")


@dg.observable_source_asset(
    name="seen_days", partitions_def=daily, automation_condition=AC.cron_tick_passed("0 * * * *")
)
def seen_days():
    return dg.DataVersionsByPartition({})


@dg.observable_source_asset(name="seen_idle", automation_condition=AC.missing() & ~AC.in_progress())
def seen_idle():
    return dg.DataVersion("1")


after_seen = [
    asset("after_seen", "seen", on=eager),
    asset("after_seen_days", "seen_days", partitions_def=daily, on=eager),
    asset("other_version", "seen", "seen_idle", on=AC.any_deps_match(AC.data_version_changed())),
]
jobs = [
    dg.define_asset_job(
        "any_root",
        ["m1", "m2", "u2"],
        automation_condition=AC.any_job_root_assets_match(AC.any_deps_match(AC.newly_updated())),
    ),
    dg.define_asset_job(
        "all_roots",
        ["u1", "u2"],
        automation_condition=AC.all_job_root_assets_match(AC.in_progress()).newly_true(),
    ),
    dg.define_asset_job(
        "daily_job",
        ["d0", "d1"],
        partitions_def=daily,
        automation_condition=AC.any_job_root_assets_match(AC.newly_updated()),
    ),
]

defs = dg.Definitions(
    assets=[*assets, multi, seen, seen_days, seen_idle, *after_seen], asset_checks=[u1_ok, u1_again, m1_ok], jobs=jobs
)
# Enough of them to tell whether a difference would be seen.
FEW = {"u1", "u2", "m1", "m2", "custom", "failed_upstream"}
few = dg.Definitions(assets=[one for one in assets if one.key.path[0] in FEW] + [seen], asset_checks=[u1_ok])
