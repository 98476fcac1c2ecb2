"""`daggerboard tokens`: list, create, rotate, revoke; with `--ci` a service account, its role and its token at once."""

from typing import Annotated, Any

import typer

from controlplane.cli.errors import CommandError, ExitCode
from controlplane.cli.options import Deployment, Json

app = typer.Typer(no_args_is_help=True, help="Tokens for programs, agents and service accounts.")


@app.command("list")
def list_tokens(
    kind: Annotated[str | None, typer.Option(help="user, service, agent or scim.")] = None,
    holder: Annotated[str | None, typer.Option(help="E-mail address, or name of a service account.")] = None,
    as_json: Json = False,
) -> None:
    """Show the tokens that you may manage."""
    from controlplane.cli.tokens import print_tokens

    print_tokens(kind=kind, holder=holder, as_json=as_json)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What it is for.")],
    ci: Annotated[
        bool,
        typer.Option("--ci", help="For CI: a service account of this name, made where it is missing, with --role."),
    ] = False,
    agent: Annotated[bool, typer.Option("--agent", help="For agents.")] = False,
    service_account: Annotated[
        str | None, typer.Option("--service-account", help="Of this service account, by name.")
    ] = None,
    role: Annotated[str, typer.Option(help="With --ci: the role of a new account in the deployment.")] = "editor",
    scope: Annotated[
        list[str] | None, typer.Option("--scope", help="Only this permission, such as run:launch; may be repeated.")
    ] = None,
    network: Annotated[
        list[str] | None, typer.Option("--network", help="Usable from this network (CIDR); may be repeated.")
    ] = None,
    days: Annotated[int | None, typer.Option(help="How many days it lives.", min=1, max=3650)] = None,
    queue: Annotated[
        list[str] | None, typer.Option("--queue", help="With --agent: only this queue; may be repeated.")
    ] = None,
    code_location: Annotated[
        list[str] | None, typer.Option("--code-location", help="With --agent: only this one; may be repeated.")
    ] = None,
    only_deployment: Annotated[
        list[str] | None, typer.Option("--only-deployment", help="With --agent: only this one; may be repeated.")
    ] = None,
    all_deployments: Annotated[
        bool,
        typer.Option("--all-deployments", help="With --agent: all full deployments, as without words; adds up."),
    ] = False,
    branches_of: Annotated[
        list[str] | None,
        typer.Option("--branches-of", help="With --agent: branch deployments of this one; may be repeated."),
    ] = None,
    all_branches: Annotated[bool, typer.Option("--all-branches", help="With --agent: all branch deployments.")] = False,
    forks: Annotated[
        bool, typer.Option("--forks", help="With --agent: of the branches reached, also those of forks.")
    ] = False,
    bootstrap_only: Annotated[
        bool, typer.Option("--bootstrap-only", help="With --agent: good for registering only.")
    ] = False,
    deployment: Deployment = None,
    as_json: Json = False,
) -> None:
    """Make a token and print it, once. Without words it is yours."""
    from controlplane.cli.tokens import create_token

    if sum([ci, agent, service_account is not None]) > 1:
        raise CommandError(
            "Choose one of --ci, --agent and --service-account: a token has one holder.", exit_code=ExitCode.USAGE
        )
    reach: dict[str, Any] = {
        "queues": queue,
        "code_locations": code_location,
        "deployments": only_deployment,
        "all_deployments": all_deployments,
        "branches_of": branches_of,
        "all_branches": all_branches,
        "forks": forks,
        "bootstrap_only": bootstrap_only,
    }
    reach = {field: value for field, value in reach.items() if value}
    if reach and not agent:
        raise CommandError("Only a token for agents (--agent) has a reach.", exit_code=ExitCode.USAGE)
    request: dict[str, Any] = {"name": name, "scopes": scope or None, "allowed_networks": network or []}
    request |= {"kind": "agent", "reach": reach or None} if agent else {}
    create_token(
        request,
        days=days,
        service_account=name if ci else service_account,
        new_role=role if ci else None,
        deployment=deployment,
        as_json=as_json,
    )


@app.command()
def rotate(
    token: Annotated[str, typer.Argument(help="Its id, as `tokens list` shows it.")],
    days: Annotated[int | None, typer.Option(help="How many days the new one lives.", min=1, max=3650)] = None,
    keep_old_hours: Annotated[
        int | None, typer.Option("--keep-old-hours", help="End the old one by itself after so long.", min=1, max=8760)
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a second token with the same limits. Both live until the old one is revoked."""
    from controlplane.cli.tokens import rotate_token

    rotate_token(token, days=days, keep_old_hours=keep_old_hours, as_json=as_json)


@app.command()
def revoke(token: Annotated[str, typer.Argument(help="Its id, as `tokens list` shows it.")]) -> None:
    """Kill a token: it is refused everywhere within five seconds."""
    from controlplane.cli.tokens import revoke_token

    revoke_token(token)
