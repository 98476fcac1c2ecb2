"""`daggerboard export`, `diff`, `apply` and `deployment settings …`: the words of the commands; what they do is in configuration.py."""

from pathlib import Path
from typing import Annotated

import typer

from controlplane.cli.options import Deployment, Json

app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich")
deployment_app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich", help="Full deployments.")
settings_app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich", help="The settings of a full deployment.")
deployment_app.add_typer(settings_app, name="settings")

File = Annotated[Path, typer.Option("--file", "-f", help="The YAML document; - for standard input.")]
Prune = Annotated[
    bool,
    typer.Option("--prune", help="Also remove pools, choices and code locations that their part leaves out."),
]


@app.command()
def export(
    deployment: Annotated[str | None, typer.Argument(help="The deployment, when it is not the usual one.")] = None,
    file: Annotated[
        Path | None, typer.Option("--file", "-f", help="Write there instead of to standard output.")
    ] = None,
) -> None:
    """Write a deployment's configuration as one YAML document, without secrets."""
    from controlplane.cli.configuration import export_configuration

    export_configuration(deployment, file=file)


@app.command()
def diff(file: File, deployment: Deployment = None, prune: Prune = False, as_json: Json = False) -> None:
    """Show what applying a document would change. Exit code 2 when something would."""
    from controlplane.cli.configuration import compare

    raise typer.Exit(compare(file, deployment=deployment, prune=prune, as_json=as_json))


@app.command()
def apply(
    file: File,
    deployment: Deployment = None,
    prune: Prune = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")] = False,
    as_json: Json = False,
) -> None:
    """Make a deployment as a document says: all of it, or nothing."""
    from controlplane.cli.configuration import apply_configuration

    apply_configuration(file, deployment=deployment, prune=prune, dry_run=dry_run, as_json=as_json)


@settings_app.command()
def get(deployment: Deployment = None, as_json: Json = False) -> None:
    """Print the settings that are set, as YAML."""
    from controlplane.cli.configuration import print_settings

    print_settings(deployment, as_json=as_json)


@settings_app.command(name="set")
def set_(
    file: Annotated[Path, typer.Argument(help="The YAML document; - for standard input.")],
    deployment: Deployment = None,
) -> None:
    """Replace the whole document. What it leaves out is the default again."""
    from controlplane.cli.configuration import set_settings

    set_settings(file, deployment=deployment)


@settings_app.command()
def edit(deployment: Deployment = None) -> None:
    """Open the settings in your editor, and store what it leaves."""
    from controlplane.cli.configuration import edit_settings

    edit_settings(deployment)
