"""`daggerboard audit …`: the words of the commands; what they do is in audit.py."""

from typing import Annotated

import typer

from controlplane.cli.options import Json

app = typer.Typer(
    name="audit",
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Check that audit logs are as they were written. Runs where the control plane's settings are.",
)


@app.command()
def verify(
    organization: Annotated[str | None, typer.Argument(help="The organization; all of them when not given.")] = None,
    expect: Annotated[
        str | None,
        typer.Option(help="A head (number:hash) printed earlier and kept elsewhere: the log must still lead to it."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Recompute the hash chain and name the first row that was edited, deleted, inserted or reordered.

    Prints each log's head: keep it where nobody who reaches the database does, and give it to [b]--expect[/] later. Without that, a log that
    was cut at its end, or written anew as a whole, looks whole. Exit codes: 0 unbroken, 1 broken, 2 wrong words, 4 no such organization.
    """
    from controlplane.cli.audit import verify_logs

    raise typer.Exit(verify_logs(organization, expect=expect, as_json=as_json))


@app.command()
def deleted(as_json: Json = False) -> None:
    """List deleted organizations with the last head of their logs, against which a kept export can be held."""
    from controlplane.cli.audit import print_deleted

    print_deleted(as_json=as_json)
