"""The document of a code location: what to load and where it is, in the words of dagster_cloud.yaml. Made from files or from JSON."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any

from msgspec import to_builtins

from agent.protocol import Target
from controlplane.core.lined_yaml import Place
from controlplane.delivery.project.container_context import check_container_context
from controlplane.delivery.project.lined import Lined, Strict
from controlplane.delivery.project.problems import refuse

CODE_SOURCES = ("package_name", "module_name", "python_file", "autoload_defs_module_name")
_TEXTS = ("working_directory", "executable_path", "attribute", "image", "agent_queue")
_GIT_KEYS = ("commit_hash", "url", "provider", "repo_owner", "repo_name", "base_branch", "defs_base_path")
LOCATION_KEYS = ("location_name", "code_source", "build", *_TEXTS, "container_context")
DEFAULTS_KEYS = ("build", "working_directory", "image", "executable_path", "container_context", "agent_queue")
# What programs send has these as well: the code source beside the rest, Git facts, and what only Dagster+ uses.
_SENT_KEYS = (*LOCATION_KEYS, *CODE_SOURCES, "git", "pex_metadata", "defs_state_info")


@dataclass(frozen=True)
class Build:
    """What is packed or built: a folder relative to the project's root, and where its image is pushed to."""

    directory: str = "."
    registry: str | None = None


@dataclass(frozen=True)
class GitOrigin:
    """Where the code came from."""

    commit_hash: str = ""
    url: str = ""


@dataclass(frozen=True)
class LocationDocument:
    """One code location. `named_by_pyproject`: the pyproject.toml in its build directory says the same about what to load."""

    name: str
    package_name: str | None = None
    module_name: str | None = None
    python_file: str | None = None
    autoload_defs_module_name: str | None = None
    attribute: str | None = None
    working_directory: str | None = None
    executable_path: str | None = None
    image: str | None = None
    agent_queue: str | None = None
    container_context: Mapping[str, Any] = field(default_factory=dict)
    build: Build = field(default_factory=Build)
    git: GitOrigin = field(default_factory=GitOrigin)
    named_by_pyproject: bool = False

    @property
    def code_source(self) -> dict[str, str]:
        """The one name of what to load, by its key."""
        return {key: value for key in CODE_SOURCES if (value := getattr(self, key))}

    def target(self, *, of_source: bool) -> Target:
        """What agents are told to load. A source archive's pyproject.toml is read there as dagster reads it, `src` folder and all."""
        names = {} if of_source and self.named_by_pyproject else self.code_source
        return Target(
            **names,
            attribute=self.attribute,
            working_directory=self.working_directory,
            executable_path=self.executable_path,
        )

    def at_commit(self, commit_hash: str, url: str) -> "LocationDocument":
        """The document, told where its code came from."""
        return replace(self, git=GitOrigin(commit_hash, url))

    def deploy_json(self, *, source_sha256: str = "") -> dict[str, Any]:
        """What `POST …/deploy/` takes for it. The code is in the archive, or else in the document's image."""
        body: dict[str, Any] = {
            "name": self.name,
            "target": {
                key: value for key, value in to_builtins(self.target(of_source=bool(source_sha256))).items() if value
            },
            "queue": self.agent_queue or "default",
            "container_context": dict(self.container_context),
            "git_commit": self.git.commit_hash,
            "git_url": self.git.url,
        }
        return body | ({"source_sha256": source_sha256} if source_sha256 else {"image": self.image or ""})

    def as_json(self) -> dict[str, Any]:
        """As dagster_cloud.yaml writes it: only what is said."""
        build = {"directory": self.build.directory, "registry": self.build.registry}
        git = {"commit_hash": self.git.commit_hash, "url": self.git.url}
        found: dict[str, Any] = {
            "location_name": self.name,
            "code_source": self.code_source,
            "build": {key: value for key, value in build.items() if value and value != "."},
            **{key: getattr(self, key) for key in _TEXTS},
            "container_context": dict(self.container_context),
            "git": {key: value for key, value in git.items() if value},
        }
        return {key: value for key, value in found.items() if value}


def document_of_json(sent: Any, *, where: str = "location") -> LocationDocument:
    """A document as the API and the dagster-cloud CLI send it. ProjectError names the key that is wrong.

    The code source may stand in `code_source` or beside the other keys; `defs_state_info` means nothing here.
    """
    strict = Strict(Lined(path="", value=sent))
    found = strict.mapping(sent, (where,), _SENT_KEYS)
    if found.get("pex_metadata"):
        strict.wrong(
            "Deploys from PEX files are Dagster+ Serverless only. Deploy the source or an image: leave out pex_metadata "
            "and use `--build-strategy docker`.",
            (where, "pex_metadata"),
        )
    flat = {key: found.pop(key) for key in CODE_SOURCES if key in found}
    if flat:
        found["code_source"] = {**flat, **strict.free_mapping(found.get("code_source"), (where, "code_source"))}
    git = strict.mapping(found.get("git"), (where, "git"), _GIT_KEYS)
    document = read_location(strict, found, (where,))
    commit_hash, url = (strict.text(git.get(key), (where, "git", key)) or "" for key in ("commit_hash", "url"))
    strict.done()
    return document.at_commit(commit_hash, url)


def read_location(strict: Strict, found: Mapping[str, Any], place: Place, *, folder: str = ".") -> LocationDocument:
    """A location's mapping whose keys were checked; problems go to `strict`. Its build directory is relative to `folder`."""
    name = strict.text(found.get("location_name"), (*place, "location_name"))
    if "location_name" not in found:
        strict.wrong("A code location needs a location_name.", place)
    source = strict.mapping(found.get("code_source"), (*place, "code_source"), CODE_SOURCES)
    names = {key: strict.text(value, (*place, "code_source", key)) for key, value in source.items()}
    if len(names) > 1:
        strict.wrong(f"Name what to load in one way, not by {' and '.join(names)}.", (*place, "code_source"))
        names = {}
    context = check_container_context(strict, found.get("container_context"), (*place, "container_context"))
    texts = {key: strict.text(found.get(key), (*place, key)) for key in _TEXTS}
    build = read_build(strict, found.get("build"), (*place, "build"), folder=folder)
    return LocationDocument(name=name or "", **names, **texts, container_context=context, build=build)  # type: ignore[arg-type]  # keys of two kinds


def read_build(strict: Strict, value: Any, place: Place, *, folder: str) -> Build:
    """`directory` and `registry`; the folder itself when no directory is named."""
    found = strict.mapping(value, place, ("directory", "registry"))
    directory = strict.text(found.get("directory"), (*place, "directory")) or "."
    inside = inner_path(folder, directory)
    if inside is None:
        strict.wrong("The build directory is a folder of the project, relative to this file.", (*place, "directory"))
    return Build(directory=inside or ".", registry=strict.text(found.get("registry"), (*place, "registry")))


def inner_path(folder: str, path: str) -> str | None:
    """The path below the root, normalized; None when it is absolute or leaves the root."""
    pure = PurePosixPath(path)
    if pure.is_absolute():
        return None
    parts: list[str] = []
    for part in (*PurePosixPath(folder).parts, *pure.parts):
        if part != "..":
            parts.append(part)
        elif not parts:
            return None
        else:
            parts.pop()
    return "/".join(parts) or "."


def require_code_source(document: LocationDocument) -> None:
    """ProjectError when it does not say what to load, which images cannot tell by themselves."""
    if not document.code_source:
        raise refuse(
            f"The code location {document.name} does not say what to load. Name one of {', '.join(CODE_SOURCES)} in its code_source.",
            key="code_source",
        )
