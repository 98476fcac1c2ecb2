"""`daggerboard deploy`: a project's code locations, packed and uploaded, or read by agents where they lie; then wait until they are loaded."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.markup import escape

from controlplane.cli.api_client import ApiClient
from controlplane.cli.checkout import Checkout, find_checkout, git_root
from controlplane.cli.errors import CommandError, ExitCode
from controlplane.cli.loads import Load, loads_of, refuse_failures, wait_loads, warn_unserved
from controlplane.cli.output import errors, say_json, say_table
from controlplane.cli.profile import load_profile
from controlplane.cli.sources import deploy_body, load_project, pack_source, upload_missing
from controlplane.delivery.project.document import Build, LocationDocument
from controlplane.delivery.project.packing import Archive


@dataclass(frozen=True)
class Wanted:
    """What the command line asks for. `names` are the target's; `python` has a meaning on the agent's machine only."""

    name: str | None
    path: Path
    names: Mapping[str, str | None]
    rename: str | None = None
    python: Path | None = None
    queue: str | None = None
    local: bool = False
    file: str | None = None
    values: Sequence[str] = ()
    sync: bool = False
    wait: bool = True
    seconds: float = 600

    @property
    def called(self) -> str | None:
        """Its name, where the command line alone says what it is."""
        return self.rename or self.name


def deploy_project(wanted: Wanted, *, deployment: str | None, as_json: bool) -> None:
    """Deploy and report; CommandError carries the user's traceback when something failed to load."""
    checkout = find_checkout(wanted.path) if wanted.path.is_dir() else Checkout()
    with ApiClient(load_profile(deployment=deployment)) as client:
        # The interpreter is one of the agent's machine, and so is the folder then.
        is_local = wanted.local or wanted.python is not None
        bodies = _local_bodies(wanted, checkout) if is_local else _packed_bodies(client, wanted, checkout)
        loads = send(client, bodies, sync=wanted.sync, sha=checkout.sha)
        if wanted.wait:
            wait_loads(client, loads, seconds=wanted.seconds)
        report(client, loads, url=client.profile.deployment_url, as_json=as_json)
    refuse_failures(loads)


def send(client: ApiClient, bodies: list[dict[str, Any]], *, sync: bool, sha: str) -> list[Load]:
    """Deploy these locations together; what came of it, one by one. Warns of those that no agent will take."""
    versions = client.post("deploy/", {"locations": bodies, "sync": sync, "sha": sha})
    loads = loads_of([body["name"] for body in bodies], versions)
    warn_unserved(client, loads)
    return loads


def report(client: ApiClient, loads: list[Load], *, url: str, as_json: bool) -> None:
    """The locations as they are now, and where their pages are."""
    for load in loads:
        load.location = load.location or client.get(f"code-locations/{load.name}/")
    _warn_duplicates(loads)
    if as_json:
        say_json({"deployment": client.profile.deployment, "url": url, "locations": [load.location for load in loads]})
        return
    say_table(
        ("CODE LOCATION", "VERSION", "STATE", "ASSETS", "JOBS"),
        (
            [
                load.name,
                load.version["number"],
                load.state,
                *(load.version["counts"].get(k, "") for k in ("assets", "jobs")),
            ]
            for load in loads
        ),
        empty="Nothing to deploy.",
    )
    errors.print(url, markup=False)


def _warn_duplicates(loads: list[Load]) -> None:
    """Of the assets that other code locations define, too: once each."""
    told: set[str] = set()
    for load in loads:
        for one in (load.location or {}).get("duplicate_assets", ()):
            if one["asset"] in told:
                continue
            told.add(one["asset"])
            others = ", ".join(name for name in (one["location"], *one["also_defined_in"]) if name != load.name)
            words = (
                f"Asset {one['asset']} is also defined by {others}; {one['location']} is the one shown and automated."
            )
            errors.print(f"[yellow]{escape(words)}[/]")


def pack_all(root: Path, documents: Sequence[LocationDocument]) -> dict[str, Archive]:
    """The archives of those without an image, by name; says what each holds."""
    archives = {}
    for document in documents:
        if document.image:
            continue
        archive = pack_source(root, document)
        archives[document.name] = archive
        errors.print(f"{document.name}: {archive.files} files, {size_text(len(archive.content))}", markup=False)
        for path in archive.left_out:
            errors.print(f"{document.name}: left out {path}, a link that leads out of the folder", markup=False)
    return archives


def size_text(count: int) -> str:
    """`12 KiB`, `3.4 MiB`."""
    return f"{count / 1024:.0f} KiB" if count < 1024 * 1024 else f"{count / 1024 / 1024:.1f} MiB"


def _packed_bodies(client: ApiClient, wanted: Wanted, checkout: Checkout) -> list[dict[str, Any]]:
    root, documents = _documents(wanted)
    archives = pack_all(root, documents)
    uploaded = upload_missing(client, {archive.sha256: archive for archive in archives.values()})
    if archives and not uploaded:
        errors.print("Nothing to upload: the control plane has these files already.")
    return [
        deploy_body(
            document, checkout, source_sha256=archives[document.name].sha256 if document.name in archives else ""
        )
        for document in documents
    ]


def _documents(wanted: Wanted) -> tuple[Path, list[LocationDocument]]:
    names = {key: value for key, value in wanted.names.items() if value}
    if names:
        if not wanted.called:
            raise CommandError("Name the code location, too.", exit_code=ExitCode.USAGE)
        root = git_root(wanted.path)
        folder = wanted.path.resolve().relative_to(root.resolve()).as_posix()
        documents = [LocationDocument(name=wanted.called, **names, build=Build(directory=folder))]  # type: ignore[arg-type]  # keys are its own
        return root, _on_queue(documents, wanted.queue)
    project = load_project(wanted.path, file=wanted.file, values=wanted.values)
    documents = list(project.locations)
    if wanted.name:
        documents = [_named(project.file, documents, wanted.name)]
    if wanted.rename:
        documents = [_renamed(project.file, documents, wanted.rename)]
    return project.root, _on_queue(documents, wanted.queue)


def _named(file: str, documents: list[LocationDocument], name: str) -> LocationDocument:
    """The location of this name; a typing error must not make a second one."""
    for document in documents:
        if document.name == name:
            return document
    known = ", ".join(document.name for document in documents)
    if len(documents) == 1:
        words = f"The code location in {file} is called {known}, not {name}. To call it so here: --name {name}"
    else:
        words = f"There is no code location {name} in {file}; there are {known}."
    raise CommandError(words, exit_code=ExitCode.USAGE)


def _renamed(file: str, documents: list[LocationDocument], name: str) -> LocationDocument:
    """The only one, called otherwise than its file says."""
    if len(documents) != 1:
        known = ", ".join(document.name for document in documents)
        raise CommandError(
            f"--name is for a single code location; in {file} there are {known}.", exit_code=ExitCode.USAGE
        )
    return replace(documents[0], name=name)


def _on_queue(documents: list[LocationDocument], queue: str | None) -> list[LocationDocument]:
    return [replace(document, agent_queue=queue) for document in documents] if queue else documents


def _local_bodies(wanted: Wanted, checkout: Checkout) -> list[dict[str, Any]]:
    """The folders as they lie on this machine, whose agent reads them."""
    return [deploy_body(document, checkout) for document in local_documents(wanted)]


def local_documents(wanted: Wanted) -> list[LocationDocument]:
    """The location that the command line names, or else those of the project's files; each with the folder it is loaded in."""
    if wanted.called:
        names = {key: value for key, value in wanted.names.items() if value}
        document = LocationDocument(name=wanted.called, **names)  # type: ignore[arg-type]  # keys are its own
        return [_local(document, wanted, wanted.path)]
    if any(wanted.names.values()):
        raise CommandError("Name the code location: daggerboard deploy NAME --local", exit_code=ExitCode.USAGE)
    try:
        root, documents = _documents(wanted)
    except CommandError as error:
        words = f"{error} Or name the code location: daggerboard deploy NAME --local"
        raise CommandError(words, exit_code=ExitCode.USAGE) from error
    return [_local(_unnamed(document), wanted, root / document.build.directory) for document in documents]


def _unnamed(document: LocationDocument) -> LocationDocument:
    """Where the folder's own pyproject.toml says what to load, the agent reads it there as dagster does, `src` folder and all."""
    return replace(document, **dict.fromkeys(document.code_source)) if document.named_by_pyproject else document  # type: ignore[arg-type]  # of its own keys


def _local(document: LocationDocument, wanted: Wanted, folder: Path) -> LocationDocument:
    return replace(
        document,
        working_directory=str((folder / (document.working_directory or "")).resolve()),
        executable_path=str(wanted.python.absolute() if wanted.python else sys.executable),
        image=None,
        agent_queue=wanted.queue or document.agent_queue,
    )
