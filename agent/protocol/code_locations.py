"""Code locations: what an agent should have loaded, what became of it, and the files with its definitions."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from agent.protocol.errors import ErrorInfo
from agent.protocol.message import Message


class LocationState(StrEnum):
    """What an agent knows about one location version."""

    LOADING = "loading"
    LOADED = "loaded"
    FAILED = "failed"
    UNLOADED = "unloaded"


class Target(Message, frozen=True):
    """What to load, as dagster's own CLI would: at most one of the four names; none means the project's pyproject.toml."""

    module_name: str | None = None
    package_name: str | None = None
    python_file: str | None = None
    autoload_defs_module_name: str | None = None
    attribute: str | None = None
    working_directory: str | None = None
    executable_path: str | None = None


class Source(Message, frozen=True):
    """The project's files, as an archive that the agent fetches and unpacks: a gzipped tar, named by the sha256 of its bytes.

    A working directory of the target is then relative to the unpacked folder, and its Python is a virtualenv that the agent builds
    from the lock or requirements file there, if there is one.
    """

    sha256: str
    bytes: int


class DeployPhase(StrEnum):
    """What happens to a version on an agent before it serves, in this order; a phase that is not needed is left out."""

    # Source archive or image fetched.
    PULLED = "pulled"
    # Virtualenv made from the lock or requirements file.
    BUILT = "built"
    # Code worker started; it imports the code.
    STARTED = "started"
    LOADED = "loaded"


class DesiredLocation(Message, frozen=True):
    """One location version that this agent should have loaded."""

    version_id: str
    deployment: str
    name: str
    target: Target
    env: dict[str, str] = {}
    # Changes with what EnvironmentAsk answers: ask again then, and load the version anew with it. None: do not ask (before 1.1).
    environment: str | None = None
    # Where the code is: in an archive or an image (since 1.2); neither means files of the agent's machine.
    source: Source | None = None
    image: str | None = None
    # SECURITY: code of strangers (a fork's): it gets nothing of the agent's own environment but what any program needs (since 1.2).
    isolated: bool = False
    # How platforms run the code, as in dagster_cloud.yaml: k8s, docker, ecs (since 1.2).
    container_context: dict[str, Any] = {}


class DefinitionsFile(Message, frozen=True):
    """A content-addressed file: sha256 and size of its uncompressed canonical bytes."""

    sha256: str
    bytes: int


class LocationReport(Message, frozen=True):
    """Outcome of loading a location version; repeated after every restart of the agent."""

    agent_id: str
    version_id: str
    state: LocationState
    load_seconds: float | None = None
    dagster_version: str | None = None
    python_version: str | None = None
    worker_version: str | None = None
    mode: str | None = None
    mode_reason: str | None = None
    counts: dict[str, int] = {}
    manifest: DefinitionsFile | None = None
    snapshot: DefinitionsFile | None = None
    rss_bytes: int | None = None
    error: ErrorInfo | None = None
    # Seconds that each phase took which has ended (since 1.2); a report with state `loading` follows each.
    phases: dict[DeployPhase, float] = {}


class DefinitionsHave(Message, frozen=True):
    """Files the agent could upload."""

    sha256s: list[str]


class DefinitionsMissing(Message, frozen=True):
    """Files the control plane does not have yet."""

    sha256s: list[str]
