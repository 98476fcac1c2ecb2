"""Assets with every kind of automation condition, for the differential test. As user code would write them."""

import datetime

import dagster as dg

from tests.automation.classic_conditions import AC, asset, assets, daily, eager, m1_ok, u1_ok

window = dg.FreshnessPolicy.time_window(datetime.timedelta(hours=2), datetime.timedelta(hours=1))
newer = [
    asset("tagged", "u1", on=AC.any_deps_match(AC.any_new_update_has_run_tags(tag_values={"team": "a"}))),
    asset("alltags", "u2", on=AC.any_deps_match(AC.all_new_updates_have_run_tags(tag_values={"team": "a"}))),
    asset("f0", freshness_policy=window),
    asset("f1", "f0", freshness_policy=window),
    asset("late", "f0", "f1", on=AC.any_deps_match(AC.freshness_failed()).newly_true()),
    asset("warned", "f1", on=AC.any_deps_match(AC.freshness_warned()) & ~AC.in_progress()),
    asset("all_fresh", "f0", "f1", on=AC.all_deps_match(AC.freshness_passed()).newly_true()),
    asset(
        "check_of_team",
        "u1",
        on=AC.any_deps_match(AC.any_checks_match(AC.executed_with_tags(tag_values={"team": "a"}))),
    ),
    *(
        asset(f"day_{name}", "d0", partitions_def=daily, on=AC.any_deps_match(AC.any_checks_match(state)).newly_true())
        for name, state in {
            "passed": AC.check_passed(),
            "failed": AC.check_failed(),
            "begins": AC.in_progress(),
            "breaks": AC.execution_failed(),
            "lacks": AC.missing(),
        }.items()
    ),
]


@dg.multi_asset(
    specs=[
        dg.AssetSpec("ma", deps=["u1"], automation_condition=eager),
        dg.AssetSpec("mb", deps=["u2"], automation_condition=eager),
    ]
)
def multi(): ...


@dg.asset_check(asset="u1", automation_condition=AC.any_deps_match(AC.newly_updated()) & ~AC.in_progress())
def u1_again():
    return dg.AssetCheckResult(passed=True)


@dg.asset_check(asset="d0", partitions_def=daily, automation_condition=AC.eager())
def day_ok():
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
    assets=[*assets, *newer, multi, seen, seen_days, seen_idle, *after_seen],
    asset_checks=[u1_ok, u1_again, m1_ok, day_ok],
    jobs=jobs,
)
# Enough of them to tell whether a difference would be seen.
FEW = {"u1", "u2", "m1", "m2", "custom", "failed_upstream"}
few = dg.Definitions(assets=[one for one in assets if one.key.path[0] in FEW] + [seen], asset_checks=[u1_ok])
