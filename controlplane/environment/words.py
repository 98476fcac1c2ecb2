"""Scopes as people read them."""

from controlplane.environment.models import EnvironmentVariable


def scope_words(variable: EnvironmentVariable) -> str:
    """Such as `full deployment, local`; needs `branch` loaded for one branch's name."""
    if variable.branch is not None:
        return f"branch {variable.branch.name}"
    words = [
        (variable.in_full, "full deployment"),
        (variable.in_all_branches, "all branch deployments"),
        (variable.in_local, "local"),
    ]
    return ", ".join(word for holds, word in words if holds)
