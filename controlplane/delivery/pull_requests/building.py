"""From the tree of a commit to what is deployed: the project is read and packed, its archives are stored."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from django.conf import settings

from controlplane.delivery.hosts.base import CommitFacts
from controlplane.delivery.location_deploys import deploy_of
from controlplane.delivery.project.apart import Order, PackedProject, read_and_pack
from controlplane.delivery.project.packing import Limits
from controlplane.delivery.project.problems import refuse
from controlplane.deployments import source_archives
from controlplane.deployments.deploying import LocationDeploy
from controlplane.deployments.git_facts import GitFacts


@dataclass(frozen=True)
class Built:
    """What is to be deployed, and where in the repository each code location lies, by name."""

    deploys: list[LocationDeploy]
    layout: dict[str, str]


_MARKS = ("dagster_cloud.yaml", "pyproject.toml", "dg.toml")


def is_project(tree: Path, folder: str) -> bool:
    """Whether a folder may hold a Dagster project at all; what is wrong with it is told when it is read."""
    return any((tree / folder / name).is_file() for name in _MARKS)


def build(
    *,
    org_id: UUID,
    tree: Path,
    folder: str,
    name: str,
    commit: CommitFacts,
    url: str,
    git: GitFacts,
    only: Sequence[str],
) -> Built:
    """What the project in a folder of the tree deploys, with its archives stored; ProjectError says what is wrong with its files.

    `name` is the repository's, `only` the names of the locations that are wanted, empty for all. Takes seconds: in no transaction.
    """
    with tempfile.TemporaryDirectory(prefix="daggerboard-packed-") as packed:
        order = Order(
            root=str(tree),
            into=packed,
            limits=Limits(bytes=settings.MAX_SOURCE_BYTES),
            total_bytes=settings.MAX_REPOSITORY_BYTES,
            folder=folder,
            name=name,
        )
        found = read_and_pack(order)
        _check_names(found, only)
        documents = [document for document in found.project.locations if not only or document.name in only]
        for document in documents:
            _store(org_id, found, document.name, Path(packed))
    deploys = [
        deploy_of(document.at_commit(commit.sha, url), source_sha256=_sha256(found, document.name), git=git)
        for document in documents
    ]
    return Built(deploys, {document.name: document.build.directory for document in documents})


def git_facts(commit: CommitFacts, branch: str) -> GitFacts:
    """What is known of a commit, as versions keep it."""
    return GitFacts(
        branch=branch[:300],
        message=commit.message[:5000],
        timestamp=commit.committed_at.timestamp(),
        author_name=commit.author_name[:200],
        author_email=commit.author_email[:254],
    )


def _check_names(found: PackedProject, only: Sequence[str]) -> None:
    unknown = sorted(set(only) - set(found.project.names))
    if unknown:
        known = ", ".join(found.project.names)
        raise refuse(
            f"There is no code location {unknown[0]} in {found.project.file}; there are {known}.", key="locations"
        )


def _sha256(found: PackedProject, location: str) -> str:
    archive = found.archives.get(location)
    return archive.sha256 if archive else ""


def _store(org_id: UUID, found: PackedProject, location: str, packed: Path) -> None:
    sha256 = _sha256(found, location)
    if sha256 and source_archives.missing(org_id, [sha256]):
        content = (packed / f"{sha256}.tar.gz").read_bytes()
        source_archives.store_archive(org_id=org_id, sha256=sha256, content=content)
