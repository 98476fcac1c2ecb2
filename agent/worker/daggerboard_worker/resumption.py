"""Resuming a job of ops: what the runs before this one produced, so that the remaining steps find their inputs."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from dagster._core.execution.plan.outputs import StepOutputHandle
from dagster._core.execution.plan.state import KnownExecutionState, PastExecutionState

from daggerboard_worker.connection import AgentConnection
from daggerboard_worker.own_run import own
from daggerboard_worker.run_spec import RunSpec

Json = dict[str, Any]

# Under this name dagster asks our run storage for the state it should start from.
SNAPSHOT_ID = "daggerboard-resumption"
# A chain of retries longer than this is a loop in the data.
ANCESTORS = 100


@dataclass(frozen=True)
class ResumedPlan:
    """The two fields that dagster's engine reads of a stored plan snapshot."""

    initial_known_state: KnownExecutionState
    repository_load_data: Any = None


def known_state(agent: AgentConnection, spec: RunSpec) -> KnownExecutionState | None:
    """None for a run that starts from nothing. Asset runs never resume: their inputs are stored under their assets."""
    if not spec.step_keys or spec.parent_run_id is None:
        return None
    parent, dynamic = past_state(agent, spec.parent_run_id, ANCESTORS)
    state = KnownExecutionState(dynamic_mappings=dynamic, parent_state=parent)
    state = state.update_for_step_selection(set(spec.step_keys))
    own.plan_snapshots[SNAPSHOT_ID] = ResumedPlan(state)
    return state


def past_state(
    agent: AgentConnection, run_id: str, generations: int
) -> tuple[PastExecutionState, dict[str, dict[str, list[str]]]]:
    """The outputs of a run and of those it resumed itself, and into what its dynamic outputs fanned out."""
    outputs = list(step_outputs(agent, run_id))
    older: PastExecutionState | None = None
    dynamic: dict[str, dict[str, list[str]]] = {}
    ancestor = parent_of(agent, run_id)
    if ancestor is not None and generations > 0:
        older, dynamic = past_state(agent, ancestor, generations - 1)
    produced = {StepOutputHandle(step, name, mapping_key) for step, name, mapping_key in outputs}
    return PastExecutionState(run_id, produced, older), {**dynamic, **dynamic_mappings(outputs)}


def dynamic_mappings(outputs: Iterable[tuple[str, str, str | None]]) -> dict[str, dict[str, list[str]]]:
    found: dict[str, dict[str, list[str]]] = {}
    for step, name, mapping_key in outputs:
        if mapping_key is not None:
            found.setdefault(step, {}).setdefault(name, []).append(mapping_key)
    return found


def step_outputs(agent: AgentConnection, run_id: str) -> Iterable[tuple[str, str, str | None]]:
    after, more = None, True
    while more:
        page = ask(
            agent, "run_events", run_id=run_id, types=["STEP_OUTPUT"], after_id=after, limit=1000, ascending=True
        )
        for record in page["records"]:
            data = record["event"]["data"]
            yield record["event"]["step"], data["output"], data["mapping_key"]
            after = record["id"]
        more = page["has_more"] and bool(page["records"])


def parent_of(agent: AgentConnection, run_id: str) -> str | None:
    runs = ask(agent, "runs", ids=[run_id], limit=1)
    return runs[0].get("parent_run_id") if runs else None


def ask(agent: AgentConnection, method: str, **arguments: Any) -> Any:
    return agent.ask("read", {"method": method, "args": arguments})
