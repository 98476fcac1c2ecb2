"""Jobs that Daggerboard runs when a branch deployment is created and when it ends (`on_create`, `on_close` of .daggerboard.yaml)."""

from collections.abc import Callable, Sequence
from typing import Any

import dagster as dg

from daggerboard_branchkit.branch import Branch, current_branch
from daggerboard_branchkit.errors import NotABranchError


def branch_job(
    name: str,
    steps: Sequence[Callable[[Branch], Any]],
    *,
    description: str | None = None,
) -> dg.JobDefinition:
    """A job that calls each function with the branch, one after the other, and fails in a full deployment before it calls any.

    A function may be called more than once for one branch, so it must not mind: drop what is there, make what is missing. What it
    answers is logged.
    """

    @dg.op(name=f"{name}_steps", description=description)
    def call_steps(context: dg.OpExecutionContext) -> None:
        branch = current_branch()
        if branch is None:
            raise NotABranchError(f"{name} runs in branch deployments only: nothing was done.")
        for step in steps:
            answer = step(branch)
            label = getattr(step, "__name__", type(step).__name__)
            context.log.info("%s: %s", label, "done" if answer is None else answer)

    @dg.job(name=name, description=description, executor_def=dg.in_process_executor)
    def made() -> None:
        call_steps()

    return made
