"""`daggerboard quota …`: the words of the commands; what they do is in quota.py."""

from typing import Annotated

import typer

app = typer.Typer(
    name="quota",
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="What an organization may use. Runs where the control plane's settings are.",
)
Organization = Annotated[str, typer.Argument(help="The organization's slug.")]
Name = Annotated[str, typer.Argument(help="The quota, as [b]daggerboard quota list[/] names it.")]


@app.command(name="list")
def list_(
    organization: Organization,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")] = False,
) -> None:
    """Print every quota of an organization, and what it uses."""
    from controlplane.cli.quota import list_quotas

    list_quotas(organization, as_json=as_json)


@app.command(name="set")
def set_(
    organization: Organization, name: Name, value: Annotated[int, typer.Argument(min=0, help="0 for no limit.")]
) -> None:
    """Give an organization a quota of its own. Counts within seconds."""
    from controlplane.cli.quota import set_quota

    set_quota(organization, name, value)


@app.command()
def unset(organization: Organization, name: Name) -> None:
    """Let the installation's quota hold for the organization again."""
    from controlplane.cli.quota import set_quota

    set_quota(organization, name, None)
