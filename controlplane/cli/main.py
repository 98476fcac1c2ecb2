"""The `daggerboard` command: its subcommands and what their failures look like."""

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from controlplane.cli import (
    asset_commands,
    audit_commands,
    automation_commands,
    backfill_commands,
    branch_commands,
    ci_commands,
    configuration_commands,
    deploy_commands,
    env_commands,
    instigator_commands,
    job_commands,
    partition_commands,
    pool_commands,
    queue_commands,
    quota_commands,
    run_commands,
    token_commands,
)
from controlplane.cli.errors import CommandError, ExitCode
from controlplane.cli.options import Deployment, Json

app = typer.Typer(
    name="daggerboard",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="Control plane for Dagster code. Start one with [b]daggerboard up[/]; the other commands talk to it, or to the one that "
    "DAGGERBOARD_URL, DAGGERBOARD_TOKEN, DAGGERBOARD_ORGANIZATION and DAGGERBOARD_DEPLOYMENT name.\n\n"
    "Exit codes: 0 done, 1 failed, 2 wrong words, 3 not signed in, 4 no such thing, 130 interrupted.",
)
app.add_typer(audit_commands.app)
app.add_typer(quota_commands.app)
app.add_typer(env_commands.app, name="env")
app.add_typer(token_commands.app, name="tokens")
app.add_typer(deploy_commands.app)
app.add_typer(configuration_commands.app)
app.add_typer(configuration_commands.deployment_app, name="deployment")
app.add_typer(branch_commands.app, name="branch")
app.add_typer(instigator_commands.app_of("schedule"), name="schedule")
app.add_typer(instigator_commands.app_of("sensor"), name="sensor")
app.add_typer(automation_commands.app, name="automation")
app.add_typer(ci_commands.app, name="ci")
app.add_typer(job_commands.app, name="job")
app.add_typer(run_commands.app, name="run")
app.add_typer(queue_commands.app, name="queue")
app.add_typer(pool_commands.app, name="pool")
app.add_typer(backfill_commands.app, name="backfill")
app.add_typer(partition_commands.app, name="partition")
app.add_typer(asset_commands.app, name="asset")


@app.command()
def up(
    once: Annotated[bool, typer.Option("--once", help="Exit after the first run: 0 when it succeeded.")] = False,
    port: Annotated[
        int | None, typer.Option(help="The port of the hosted UI; 8321 or a free one when not given.")
    ] = None,
    sample: Annotated[bool, typer.Option(help="Deploy and run the sample project.")] = True,
) -> None:
    """Start everything on this machine: Postgres, Redis, the control plane, one agent and the sample project."""
    from controlplane.cli.up import up as start

    raise typer.Exit(start(once=once, port=port, sample=sample))


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []})
def agent(context: typer.Context) -> None:
    """Run or inspect an agent: the same as the command [b]daggerboard-agent[/]. Try `daggerboard agent run --help`."""
    raise typer.Exit(subprocess.run([sys.executable, "-m", "agent.cli", *context.args], check=False).returncode)


@app.command()
def inspect(
    path: Annotated[
        Path, typer.Argument(help="The project folder; its dagster_cloud.yaml or pyproject.toml says what to load.")
    ] = Path(),
    module_name: Annotated[str | None, typer.Option("--module-name", "-m", help="Load this module instead.")] = None,
    package_name: Annotated[str | None, typer.Option("--package-name", "-p", help="Load this package instead.")] = None,
    python_file: Annotated[str | None, typer.Option("--python-file", "-f", help="Load this file instead.")] = None,
    autoload: Annotated[str | None, typer.Option("--autoload-defs-module-name", help="Autoload this module.")] = None,
    attribute: Annotated[
        str | None, typer.Option("--attribute", "-a", help="The attribute that holds the definitions.")
    ] = None,
    python: Annotated[Path | None, typer.Option(help="The interpreter that has the project's packages.")] = None,
) -> None:
    """Load a Dagster project as the agent would and print what is in it, as JSON: counts and edge_sha256."""
    from controlplane.cli.inspect import inspect_project

    names = {
        "module_name": module_name,
        "package_name": package_name,
        "python_file": python_file,
        "autoload_defs_module_name": autoload,
        "attribute": attribute,
    }
    raise typer.Exit(inspect_project(path, names=names, python=python))


@app.command()
def logs(
    run_id: Annotated[str, typer.Argument(help="The run's id.")],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the run has ended.")] = False,
    stream: Annotated[str, typer.Option(help="events, stdout or stderr.")] = "events",
    deployment: Deployment = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print events as JSON lines, one document each.")] = False,
) -> None:
    """Print a run's events, or what it wrote to stdout or stderr."""
    from controlplane.cli.runs import print_logs

    print_logs(run_id, follow=follow, stream=stream, deployment=deployment, as_json=as_json)


@app.command()
def status(deployment: Deployment = None, as_json: Json = False) -> None:
    """Show agents, code locations and the newest runs."""
    from controlplane.cli.status import print_status

    print_status(deployment=deployment, as_json=as_json)


@app.command()
def migrate() -> None:
    """Bring the database to this version. Needs DAGGERBOARD_DATABASE_OWNER_URL beside the other settings."""
    from controlplane.cli.migrate import main as apply

    apply()


@app.command()
def createuser(
    email: Annotated[str, typer.Argument(help="The e-mail address.")],
    organization: Annotated[
        str, typer.Option("--organization", "-o", help="The organization, made when there is none.")
    ],
    name: Annotated[str, typer.Option(help="The person's name.")] = "",
    as_json: Json = False,
) -> None:
    """Add an owner to an organization and print a one-time sign-in link. Runs where the control plane's settings are."""
    from controlplane.cli.accounts import create_owner

    create_owner(email, organization=organization, name=name, as_json=as_json)


@app.command(name="sign-in-link")
def sign_in_link(
    email: Annotated[
        str | None, typer.Argument(help="The e-mail address; the owner of `make up` when not given.")
    ] = None,
) -> None:
    """Print a new one-time sign-in link."""
    from controlplane.cli.accounts import print_sign_in_link

    print_sign_in_link(email)


@app.command(name="remove-second-step")
def remove_second_step(email: Annotated[str, typer.Argument(help="The e-mail address.")]) -> None:
    """Let somebody who has lost authenticator app and recovery codes sign in with one step again."""
    from controlplane.cli.accounts import remove_second_step as remove

    remove(email)


@app.command(name="export-organization")
def export_organization(
    organization: Annotated[str, typer.Argument(help="The organization.")],
    file: Annotated[
        Path | None, typer.Option("--file", "-f", help="Write there instead of to standard output.")
    ] = None,
) -> None:
    """Write a whole organization as JSON lines, without secrets. Needs the token of an Organization Admin."""
    from controlplane.cli.organizations import export_organization as write

    write(organization, file=file)


@app.command(name="organization-state")
def organization_state(
    organization: Annotated[str, typer.Argument(help="The organization.")],
    state: Annotated[str, typer.Argument(help="active, read_only or suspended.")],
    reason: Annotated[str, typer.Option(help="Why; everybody whom it stops reads it.")] = "",
) -> None:
    """Suspend an organization, make it read-only, or lift that. Runs where the control plane's settings are."""
    from controlplane.cli.organizations import set_state

    set_state(organization, state, reason=reason)


@app.command(name="new-master-key")
def new_master_key() -> None:
    """Print a new master key; put it first in DAGGERBOARD_MASTER_KEY or its file."""
    from controlplane.cli.master_keys import print_new_master_key

    print_new_master_key()


@app.command(name="rotate-master-key")
def rotate_master_key() -> None:
    """Wrap the data key of every organization by the newest master key, so that older ones can go."""
    from controlplane.cli.master_keys import rotate_master_key as rotate

    rotate()


def main() -> None:
    """Run the command; failures are one clear line on standard error."""
    try:
        app()
    except CommandError as error:
        print(f"daggerboard: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)


if __name__ == "__main__":
    main()
