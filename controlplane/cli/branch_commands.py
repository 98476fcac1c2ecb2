"""`daggerboard branch …`: the words of the commands; what they do is in branches.py."""

from typing import Annotated

import typer

from controlplane.cli import branches
from controlplane.cli.branches import Which
from controlplane.cli.option_groups import grouped
from controlplane.cli.options import Json, PullRequest, Repository

app = typer.Typer(no_args_is_help=True, help="Branch deployments: one for each pull request or branch.")


@app.command(name="list")
def list_(
    state: Annotated[
        list[str] | None, typer.Option("--state", help="held, active, sleeping, closing or archived; may be repeated.")
    ] = None,
    repository: Repository = None,
    as_json: Json = False,
) -> None:
    """List branch deployments."""
    branches.list_branches(states=state or [], repository=repository, as_json=as_json)


@app.command(name="open")
def open_(
    pr: PullRequest = None,
    branch: Annotated[str | None, typer.Option("--branch", help="The one of this branch.")] = None,
    repository: Repository = None,
    base: Annotated[str | None, typer.Option("--base", help="The full deployment that it belongs to.")] = None,
    as_json: Json = False,
) -> None:
    """Make the branch deployment of the branch that is checked out here, or of another, and print where it is."""
    branches.open_branch(pr=pr, branch=branch, repository=repository, base=base, as_json=as_json)


@app.command()
@grouped
def extend(
    which: Which,
    as_json: Json = False,
) -> None:
    """Let it live its whole time again, from now."""
    branches.act(which, "extend", as_json=as_json)


@app.command()
@grouped
def close(
    which: Which,
    reason: Annotated[str, typer.Option(help="Why; it is shown.")] = "",
    as_json: Json = False,
) -> None:
    """End it: its runs are canceled, its closing job runs, and it is archived."""
    branches.act(which, "close", body={"reason": reason}, as_json=as_json)


@app.command()
@grouped
def approve(
    which: Which,
    sha: Annotated[str | None, typer.Option("--sha", help="The whole id of the commit that you looked at.")] = None,
    as_json: Json = False,
) -> None:
    """Let one commit of a fork be deployed."""
    branches.approve(which, sha=sha, as_json=as_json)


@app.command()
@grouped
def sleep(
    which: Which,
    as_json: Json = False,
) -> None:
    """Let go of its code workers; its pages stay."""
    branches.act(which, "sleep", as_json=as_json)


@app.command()
@grouped
def wake(
    which: Which,
    as_json: Json = False,
) -> None:
    """Have its code loaded again."""
    branches.act(which, "wake", as_json=as_json)
