"""`daggerboard deploy` and `daggerboard pull`: the words of the commands."""

from pathlib import Path
from typing import Annotated

import typer

from controlplane.cli.option_groups import Target, grouped
from controlplane.cli.options import Json, ProjectFile, Values

app = typer.Typer()


@app.command()
@grouped
def deploy(
    *,
    name: Annotated[
        str | None, typer.Argument(help="The code location; all that the project's files name when not given.")
    ] = None,
    path: Annotated[Path, typer.Argument(help="The project folder.")] = Path(),
    rename: Annotated[
        str | None, typer.Option("--name", help="Call the only code location so, whatever the project's files say.")
    ] = None,
    module_name: Annotated[str | None, typer.Option("--module-name", "-m", help="Load this module.")] = None,
    package_name: Annotated[str | None, typer.Option("--package-name", "-p", help="Load this package.")] = None,
    python_file: Annotated[str | None, typer.Option("--python-file", "-f", help="Load this file.")] = None,
    autoload: Annotated[str | None, typer.Option("--autoload-defs-module-name", help="Autoload this module.")] = None,
    attribute: Annotated[
        str | None, typer.Option("--attribute", "-a", help="The attribute that holds the definitions.")
    ] = None,
    local: Annotated[
        bool,
        typer.Option("--local", help="Pack nothing: an agent on this machine loads the folder where it lies."),
    ] = False,
    python: Annotated[
        Path | None, typer.Option(help="The interpreter on this machine that has the project's packages; with --local.")
    ] = None,
    queue: Annotated[str | None, typer.Option(help="The agent queue that serves it.")] = None,
    file: ProjectFile = None,
    value: Values = None,
    sync: Annotated[bool, typer.Option("--sync", help="Delete code locations that the project does not name.")] = False,
    wait: Annotated[bool, typer.Option(help="Wait until it is loaded.")] = True,
    timeout: Annotated[float, typer.Option(help="How many seconds to wait.")] = 600,
    target: Target,
    as_json: Json = False,
) -> None:
    """Deploy a project and wait until an agent has loaded it.

    The files are packed, without what .gitignore names, and uploaded; an agent builds their virtualenv from the lock or requirements
    file. Without a NAME, everything that dagster_cloud.yaml or pyproject.toml name is deployed. A code location that fails to load prints
    the user's traceback, and the exit code is 1.
    """
    from controlplane.cli.branches import deployment_for
    from controlplane.cli.deploy import Wanted, deploy_project

    names = {
        "module_name": module_name,
        "package_name": package_name,
        "python_file": python_file,
        "autoload_defs_module_name": autoload,
        "attribute": attribute,
    }
    wanted = Wanted(
        name=name,
        path=path,
        names=names,
        rename=rename,
        python=python,
        queue=queue,
        local=local,
        file=file,
        values=value or (),
        sync=sync,
        wait=wait,
        seconds=timeout,
    )
    deploy_project(wanted, deployment=deployment_for(target), as_json=as_json)


@app.command()
@grouped
def pull(
    *,
    file: Annotated[
        Path | None, typer.Option("--file", "-f", help="Write there instead of to standard output.")
    ] = None,
    target: Target,
    as_json: Json = False,
) -> None:
    """Write the code locations of a deployment as dagster_cloud.yaml."""
    from controlplane.cli.branches import deployment_for
    from controlplane.cli.pull import pull_locations

    pull_locations(file, deployment=deployment_for(target), as_json=as_json)
