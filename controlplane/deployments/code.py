"""What a version of a code location is made of, and where that came from."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any

import msgspec

from agent.protocol import Target
from controlplane.deployments.git_facts import GitFacts
from controlplane.deployments.models import LocationVersion
from tenants.errors import InvalidError


@dataclass(frozen=True)
class Code:
    """What to load, and where it is: an archive, an image, or neither for files of the agent's machine. The rest says where it came from.

    `container_context` is how platforms run it, by platform (k8s, docker, ecs), as in dagster_cloud.yaml.
    """

    target: Target = Target()  # noqa: RUF009 - frozen, and nothing but None
    source_sha256: str = ""
    image: str = ""
    container_context: Mapping[str, Any] = field(default_factory=dict)
    git_commit: str = ""
    git_url: str = ""
    git: GitFacts = GitFacts()  # noqa: RUF009 - as above

    def columns(self) -> dict[str, Any]:
        """The fields of a LocationVersion."""
        return {
            "target": msgspec.to_builtins(self.target),
            "source_sha256": self.source_sha256,
            "image": self.image,
            "container_context": dict(self.container_context),
            "git_commit": self.git_commit,
            "git_url": self.git_url,
            "git": self.git.document(),
        }

    def is_surely(self, other: "Code") -> bool:
        """Whether the other is known to be the same code. Files of a machine and tags of an image can change under their names."""
        return bool(self.source_sha256) and _without_origin(self) == _without_origin(other)


def check_code(code: Code) -> None:
    """InvalidError when the code is said to be in two places, or its target leads out of its archive."""
    if not code.source_sha256:
        return
    if code.image:
        raise InvalidError(
            "The code is either in a source archive or in an image: give source_sha256 or image, not both.",
            attr="source_sha256",
        )
    for name in ("working_directory", "executable_path", "python_file"):
        path = getattr(code.target, name)
        if path and not _stays_inside(path):
            raise InvalidError(
                f"{name} is {path}, which is outside of the source archive. Give it relative to the archive's top folder"
                + (", or leave it out: agents build a virtualenv." if name == "executable_path" else "."),
                attr="target",
            )


def _stays_inside(path: str) -> bool:
    """As seen from the top of an archive. python_file and executable_path are relative to the working directory, which is inside."""
    parts = PurePosixPath(path)
    return not parts.is_absolute() and ".." not in parts.parts and "\\" not in path


def _without_origin(code: Code) -> Code:
    return replace(code, git_commit="", git_url="", git=GitFacts())


def code_of(version: LocationVersion) -> Code:
    """What a stored version is made of."""
    return Code(
        target=msgspec.convert(version.target, Target),
        source_sha256=version.source_sha256,
        image=version.image,
        container_context=version.container_context,
        git_commit=version.git_commit,
        git_url=version.git_url,
        git=msgspec.convert(version.git, GitFacts),
    )


def is_same_code(one: Code, other: Code) -> bool:
    """Whether both are the same archive, image or commit, loaded in the same way. Files of a machine without a commit are never the same."""
    if one.target != other.target:
        return False
    if one.source_sha256 or other.source_sha256:
        return one.source_sha256 == other.source_sha256
    if one.image or other.image:
        return one.image == other.image
    return bool(one.git_commit) and one.git_commit == other.git_commit
