"""An execution plan as the contract shows it."""

from typing import Any

from daggerboard_worker.event_data import asset_path


def plan_json(plan: Any) -> list[dict[str, Any]]:
    """Steps that will run, each after those it depends on; the steps of a dynamic graph by their unresolved keys."""
    wanted = set(plan.step_keys_to_execute)
    dependencies = plan.get_all_step_deps()
    return [step_json(step, dependencies[step.key]) for step in plan.step_dict.values() if step.key in wanted]


def step_json(step: Any, dependencies: set[str]) -> dict[str, Any]:
    properties = [output.properties for output in step.step_outputs]
    checks = [item.asset_check_key for item in properties if item.asset_check_key]
    return {
        "step": step.key,
        "assets": sorted(asset_path(item.asset_key) for item in properties if item.asset_key),
        "checks": sorted([asset_path(check.asset_key), check.name] for check in checks),
        "deps": sorted(dependencies),
    }
