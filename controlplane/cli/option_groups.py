"""Options that belong together: a dataclass whose fields are options, which a command takes as one parameter."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, is_dataclass
from functools import wraps
from typing import Any

from controlplane.cli.options import Deployment, PullRequest, Repository


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """A parameter that is a dataclass stands for the options that are its fields; the command gets them as one.

    Typer reads options from a signature: this writes one.
    """
    own = inspect.signature(command, eval_str=True).parameters
    groups: dict[str, type[Any]] = {
        name: one.annotation
        for name, one in own.items()
        if isinstance(one.annotation, type) and is_dataclass(one.annotation)
    }
    fields = {name: inspect.signature(group, eval_str=True).parameters for name, group in groups.items()}

    @wraps(command)
    def call(**given: Any) -> None:
        made = {name: group(**{field: given.pop(field) for field in fields[name]}) for name, group in groups.items()}
        command(**given, **made)

    options = [option for name, one in own.items() for option in fields.get(name, {name: one}).values()]
    keyword_only = [option.replace(kind=inspect.Parameter.KEYWORD_ONLY) for option in options]
    call.__signature__ = inspect.Signature(keyword_only)  # type: ignore[attr-defined]  # what inspect looks for
    call.__annotations__ = {option.name: option.annotation for option in keyword_only}
    return call


@dataclass(frozen=True)
class Target:
    """The deployment that a command is about, by its name or by the pull request of its branch."""

    pr: PullRequest = None
    repository: Repository = None
    deployment: Deployment = None
