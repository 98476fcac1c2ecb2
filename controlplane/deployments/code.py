"""What a version of a code location is made of, and where that came from."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from agent.protocol import Target
from controlplane.deployments.git_facts import GitFacts
from controlplane.deployments.models import LocationVersion


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
