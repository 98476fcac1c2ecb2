"""Projects as commands see them: read, told their commit, packed, and uploaded where the control plane has not got them yet."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from controlplane.cli.api_client import ApiClient
from controlplane.cli.checkout import Checkout, git_root
from controlplane.cli.errors import CommandError, ExitCode
from controlplane.delivery.project.document import LocationDocument
from controlplane.delivery.project.packing import Archive, Limits, pack_location
from controlplane.delivery.project.problems import ProjectError
from controlplane.delivery.project.reading import Project, read_project


def load_project(folder: Path, *, file: str | None = None, values: Iterable[str] = ()) -> Project:
    """The project in a folder; build directories may lie anywhere in its repository. Templates see this environment."""
    if not folder.is_dir():
        raise CommandError(f"{folder} is not a folder.", exit_code=ExitCode.USAGE)
    root = git_root(folder)
    inside = folder.resolve().relative_to(root.resolve()).as_posix()
    try:
        return read_project(root, folder=inside, file=file, values=template_values(values), environment=os.environ)
    except ProjectError as error:
        raise CommandError(str(error), exit_code=ExitCode.USAGE) from error


def template_values(words: Iterable[str]) -> dict[str, str]:
    """`KEY=VALUE` words as a mapping."""
    found = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise CommandError(f"A value is KEY=VALUE; {word!r} is not.", exit_code=ExitCode.USAGE)
        found[key] = value
    return found


def pack_source(root: Path, document: LocationDocument) -> Archive:
    """The archive of a location; CommandError says what is in the way. The control plane checks the size once more."""
    try:
        return pack_location(root, document, Limits())
    except ProjectError as error:
        raise CommandError(str(error)) from error


def upload_missing(client: ApiClient, archives: Mapping[str, Archive]) -> list[str]:
    """Upload, by their sha256, those that the control plane has not got; which ones that were."""
    if not archives:
        return []
    base = f"{client.profile.organization_path}/source-archives"
    missing: list[str] = client.post(f"{base}/missing/", {"sha256s": list(archives)})["missing"]
    for sha256 in missing:
        client.put_content(f"{base}/{sha256}/", archives[sha256].content)
    return missing


def deploy_body(document: LocationDocument, checkout: Checkout, *, source_sha256: str = "") -> dict[str, Any]:
    """What `POST …/deploy/` takes for a location of this checkout."""
    told = document.at_commit(checkout.sha, checkout.url)
    git = {**checkout.git, "branch": checkout.branch}
    return told.deploy_json(source_sha256=source_sha256) | {"git": {key: value for key, value in git.items() if value}}
