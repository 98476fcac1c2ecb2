"""`daggerboard ci build`: a source archive, or an image built and pushed with docker."""

import re
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

from controlplane.cli import ci
from controlplane.cli.ci_state import BuildOutput, LocationState, StateDir
from controlplane.cli.errors import CommandError, ExitCode
from controlplane.cli.output import errors
from controlplane.delivery.project.document import require_code_source
from controlplane.delivery.project.problems import ProjectError

_STANDARD_ERROR = 2
# What may be in an image's tag.
_NO_TAG = re.compile(r"[^A-Za-z0-9_.-]+")


@dataclass(frozen=True)
class BuildWords:
    """`strategy` is source, docker, or auto: docker where a location names a registry."""

    strategy: str = "auto"
    image_tag: str = ""
    dockerfile: str = ""
    push: bool = True
    docker_args: tuple[str, ...] = ()


def build(state: StateDir, words: BuildWords, *, names: list[str], as_json: bool) -> None:
    """Build every location: an image that is named stays as it is."""
    sources, images = [], []
    for location in state.locations(names):
        if location.document.image:
            output = BuildOutput("docker", image=location.document.image)
            state.save(location.noted("pending", f"image {output.image}", build_output=output))
        elif _is_docker(location, words.strategy):
            images.append(location)
        else:
            sources.append(location)
    for location in images:
        _build_image(state, location, words)
    if sources:
        ci.pack(state, sources)
    ci.status(state, as_json=as_json)


def _is_docker(location: LocationState, strategy: str) -> bool:
    if strategy not in {"auto", "source", "docker"}:
        raise CommandError(f"There is no strategy {strategy}: auto, source or docker.", exit_code=ExitCode.USAGE)
    registry = location.document.build.registry
    if strategy == "docker" and not registry:
        raise CommandError(
            f"{location.location_name} names no registry to push its image to. Add build.registry, or use --strategy source.",
            exit_code=ExitCode.USAGE,
        )
    return strategy == "docker" or (strategy == "auto" and bool(registry))


def _build_image(state: StateDir, location: LocationState, words: BuildWords) -> None:
    session, build = state.session(), location.document.build
    try:
        require_code_source(location.document)
    except ProjectError as error:
        raise CommandError(str(error), exit_code=ExitCode.USAGE) from error
    folder = Path(session.root) / build.directory
    dockerfile = folder / (words.dockerfile or "Dockerfile")
    if not dockerfile.is_file():
        raise CommandError(
            f"There is no {dockerfile} to build {location.location_name} with. Add one, or use --strategy source.",
            exit_code=ExitCode.USAGE,
        )
    own = _NO_TAG.sub("-", location.location_name).strip("-.")
    tag = words.image_tag or f"{session.checkout.sha[:12] or 'latest'}-{own}"
    image = f"{build.registry}:{tag}"
    _docker("build", str(folder), "-f", str(dockerfile), "-t", image, *words.docker_args)
    if words.push:
        _docker("push", image)
    output = BuildOutput("docker", image=image)
    state.save(location.noted("pending", f"built {image}", build_output=output))


def _docker(*words: str) -> None:
    errors.print(f"docker {shlex.join(words)}", markup=False)
    try:
        # Its progress belongs to the log; standard output is for the outcome.
        code = subprocess.run(["docker", *words], stdout=_STANDARD_ERROR, check=False).returncode
    except FileNotFoundError as error:
        raise CommandError("There is no docker here. Install it, or use --strategy source.") from error
    if code:
        raise CommandError(f"docker {words[0]} failed with exit code {code}; its output is above.")
