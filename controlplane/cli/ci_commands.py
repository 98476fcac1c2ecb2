"""`daggerboard ci …`: the words of the commands; what they do is in ci.py, ci_build.py and ci_notify.py."""

from pathlib import Path
from typing import Annotated

import typer

from controlplane.cli.errors import CommandError, ExitCode
from controlplane.cli.options import Deployment, Json, LocationNames, ProjectFile, Repository, StateDirectory, Values

app = typer.Typer(no_args_is_help=True, help="Deploy from CI, in steps that share a state folder.")


@app.command()
def init(
    project_dir: Annotated[Path, typer.Option("--project-dir", help="The project folder.")] = Path(),
    file: ProjectFile = None,
    value: Values = None,
    statedir: StateDirectory = None,
    location_name: LocationNames = None,
    to: Annotated[
        str,
        typer.Option(
            "--to", help="full, branch, or auto: pull requests and other branches than the default one are branches."
        ),
    ] = "auto",
    repository: Repository = None,
    branch: Annotated[str, typer.Option("--branch", help="The branch, where CI and git do not say it.")] = "",
    pull_request: Annotated[int | None, typer.Option("--pull-request", min=1, help="Its pull request.")] = None,
    pull_request_status: Annotated[str, typer.Option("--pull-request-status", help="OPEN, CLOSED or MERGED.")] = "",
    pull_request_url: Annotated[str, typer.Option("--pull-request-url", help="Where it is read.")] = "",
    commit_hash: Annotated[str, typer.Option("--commit-hash", help="The commit.")] = "",
    git_url: Annotated[str, typer.Option("--git-url", help="Where the repository is read.")] = "",
    status_url: Annotated[str, typer.Option("--status-url", help="Where this CI run is watched.")] = "",
    deployment: Deployment = None,
    as_json: Json = False,
) -> None:
    """Begin: read the project, find out whether it goes to the full deployment or to a branch deployment, and make that one."""
    from controlplane.cli import ci
    from controlplane.cli.checkout import Checkout
    from controlplane.cli.ci_state import find_state_dir

    if to not in {"full", "branch", "auto"}:
        raise CommandError(f"There is no --to {to}: full, branch or auto.", exit_code=ExitCode.USAGE)
    told = Checkout(
        repository=repository or "",
        url=git_url,
        branch=branch,
        sha=commit_hash,
        pull_request=pull_request,
        pull_request_status=pull_request_status or ("OPEN" if pull_request else ""),
        pull_request_url=pull_request_url,
    )
    start = ci.Start(project_dir, to, file, value or (), location_name or (), told, status_url)
    ci.init(find_state_dir(statedir), start, deployment=deployment, as_json=as_json)


@app.command()
def build(
    strategy: Annotated[
        str, typer.Option("--build-strategy", help="source, docker, or auto: docker for those that name a registry.")
    ] = "auto",
    image_tag: Annotated[
        str, typer.Option("--image-tag", help="The tag; the commit and the name when not given.")
    ] = "",
    dockerfile: Annotated[str, typer.Option("--dockerfile", help="Relative to the build directory.")] = "",
    push: Annotated[bool, typer.Option(help="Push images.")] = True,
    docker_arg: Annotated[
        list[str] | None, typer.Option("--docker-arg", help="A further word for docker build.")
    ] = None,
    location_name: LocationNames = None,
    statedir: StateDirectory = None,
    as_json: Json = False,
) -> None:
    """Pack and upload the source of each code location, or build and push its image."""
    from controlplane.cli import ci_build
    from controlplane.cli.ci_state import find_state_dir

    words = ci_build.BuildWords(strategy, image_tag, dockerfile, push, tuple(docker_arg or ()))
    ci_build.build(find_state_dir(statedir), words, names=location_name or [], as_json=as_json)


@app.command(name="set-build-output")
def set_build_output(
    image: Annotated[str, typer.Option("--image", help="The whole name of the image.")] = "",
    image_tag: Annotated[str, typer.Option("--image-tag", help="A tag in the location's registry.")] = "",
    location_name: LocationNames = None,
    statedir: StateDirectory = None,
    as_json: Json = False,
) -> None:
    """Note the image that another step built."""
    from controlplane.cli import ci
    from controlplane.cli.ci_state import find_state_dir

    ci.set_build_output(
        find_state_dir(statedir), names=location_name or [], image=image, image_tag=image_tag, as_json=as_json
    )


@app.command()
def deploy(
    location_name: LocationNames = None,
    sync: Annotated[bool, typer.Option("--sync", help="Delete code locations that are not in the session.")] = False,
    timeout: Annotated[float, typer.Option("--location-load-timeout", help="How many seconds to wait.")] = 3600,
    statedir: StateDirectory = None,
    as_json: Json = False,
) -> None:
    """Deploy what was built, together, and wait until agents have loaded it."""
    from controlplane.cli import ci
    from controlplane.cli.ci_state import find_state_dir

    ci.deploy(find_state_dir(statedir), names=location_name or [], sync=sync, seconds=timeout, as_json=as_json)


@app.command()
def status(
    markdown: Annotated[bool, typer.Option("--markdown", help="As a Markdown table, for a job's summary.")] = False,
    statedir: StateDirectory = None,
    as_json: Json = False,
) -> None:
    """Print how each code location stands."""
    from controlplane.cli import ci, ci_notify
    from controlplane.cli.ci_state import find_state_dir

    state = find_state_dir(statedir)
    if markdown:
        print(ci_notify.as_markdown(state), end="")
    else:
        ci.status(state, as_json=as_json)


@app.command()
def notify(statedir: StateDirectory = None, as_json: Json = False) -> None:
    """Write how it stands into one comment of the pull request. Not needed where Daggerboard is connected to the repository.

    Needs GITHUB_TOKEN in GitHub Actions, or GITLAB_TOKEN (a project access token with the scope api) in GitLab CI.
    """
    from controlplane.cli import ci_notify
    from controlplane.cli.ci_state import find_state_dir

    ci_notify.notify(find_state_dir(statedir), as_json=as_json)
