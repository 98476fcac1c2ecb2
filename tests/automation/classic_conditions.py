"""Assets with automation conditions that the oldest dagster which is supported knows too. As user code would write them."""

import datetime

import dagster as dg

AC = dg.AutomationCondition

hourly = dg.HourlyPartitionsDefinition(start_date="2025-11-19-00:00")
daily = dg.DailyPartitionsDefinition(start_date="2025-11-10")
weekly = dg.WeeklyPartitionsDefinition(start_date="2025-11-01")
static = dg.StaticPartitionsDefinition(["a", "b", "c"])
dynamic = dg.DynamicPartitionsDefinition(name="dyn")
grid = dg.MultiPartitionsDefinition({"day": daily, "shop": static})


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
    asset("initial", on=AC.initial_evaluation()),
    asset("grandchild", "m2", on=AC.any_deps_match(AC.any_deps_match(AC.newly_updated()))),
    asset("waits_for_checks", "u1", on=AC.eager() & AC.all_deps_match(AC.all_checks_match(AC.check_passed()))),
    asset("on_failed_check", "u1", on=AC.any_deps_match(AC.any_checks_match(AC.check_failed())).newly_true()),
    asset("check_begins", "u1", on=AC.any_deps_match(AC.any_checks_match(AC.in_progress())).newly_true()),
    asset("check_breaks", "u1", on=AC.any_deps_match(AC.any_checks_match(AC.execution_failed())).newly_true()),
    asset("check_lacks", "m1", on=AC.any_deps_match(AC.any_checks_match(AC.missing())).newly_true()),
    asset("check_tells", "u1", on=AC.any_deps_match(AC.any_checks_match(AC.newly_updated()))),
    asset("fills", "d0", "s0", partitions_def=daily, on=AC.missing() & ~AC.in_progress()),
    asset("filled", "fills", partitions_def=daily, on=AC.any_deps_updated() & ~AC.in_progress()),
    asset("filling", "fills", on=AC.any_deps_match(AC.in_progress()).newly_true()),
]


@dg.asset_check(asset="u1")
def u1_ok():
    return dg.AssetCheckResult(passed=True)


@dg.asset_check(asset="m1", automation_condition=AC.eager())
def m1_ok():
    return dg.AssetCheckResult(passed=True)


classic = dg.Definitions(assets=assets, asset_checks=[u1_ok, m1_ok])
