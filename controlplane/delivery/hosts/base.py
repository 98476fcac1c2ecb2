"""What we need of a Git host, and the facts it answers with. GitHub (github.py) and GitLab (gitlab.py) pass one contract test.

Every call goes over the network and may take seconds: never inside a transaction. `delivery.connections.host_of(connection)` makes one.

What callers must know of the hosts themselves:

- A list is read page by page while people close and open pull requests: one may be missing from `open_pull_requests` although it is
  open. Ask `pull_request` before believing that it is not.
- Not found and not allowed look alike (HostGoneError), and outages of hosts have answered 404: ask again before deleting.
  HostConnectionGoneError says that the whole connection is gone: the app was uninstalled. A revoked token is HostRefusedError.
- A check and a deployment object belong to one commit: begin anew, with no id, for another one, and make the old deployment INACTIVE.
  GitHub does not do that by itself for transient environments.
- GitLab has no annotations and no buttons (`shows_annotations`): what they say belongs into the comment there.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from tenants.errors import AppError, UnavailableError


class HostUnavailableError(UnavailableError):
    """The Git host does not answer, or asks us to slow down; try again after `retry_after` seconds."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class HostGoneError(AppError):
    """The Git host says that there is no such thing, or not for us any more."""

    code = "host_gone"
    # Of our own answer: 404 would say that we have no such thing.
    status = 409


class HostConnectionGoneError(HostGoneError):
    """The host does not know the installation of the app any more: somebody uninstalled it."""

    code = "host_connection_gone"


class HostRefusedError(AppError):
    """The Git host refuses our credential, or what we asked for. `host_status` is the status that it answered with, if it was asked."""

    code = "host_refused"
    # Of our own answer: 403 would say that the caller may not.
    status = 409

    def __init__(self, message: str, *, host_status: int = 0) -> None:
        super().__init__(message)
        self.host_status = host_status

    @property
    def is_unauthenticated(self) -> bool:
        """Whether the credential itself is not believed: revoked, expired, or never right."""
        return self.host_status == 401


class WebhookRefusedError(AppError):
    """A webhook whose signature is missing or wrong."""

    code = "webhook_refused"
    status = 401


@dataclass(frozen=True)
class RepositoryFacts:
    """One repository. `external_id` stays when it is renamed or transferred."""

    external_id: str
    full_name: str
    default_branch: str
    web_url: str


@dataclass(frozen=True)
class PullRequestFacts:
    """One pull request. `state` is open, closed or merged; `head_repository` is empty when it was deleted."""

    number: int
    state: str
    title: str
    url: str
    author: str
    head_sha: str
    head_branch: str
    head_repository: str
    base_branch: str
    is_fork: bool
    labels: tuple[str, ...]
    updated_at: datetime


@dataclass(frozen=True)
class CommitFacts:
    """One commit; its parents are not followed."""

    sha: str
    message: str
    author_name: str
    author_email: str
    committed_at: datetime


class NewsKind(StrEnum):
    """What a webhook can be about; everything else is none of our business."""

    PULL_REQUEST = "pull_request"
    PUSH = "push"
    REPOSITORY = "repository"
    CONNECTION = "connection"
    # A button in a check or comment was pressed by a maintainer.
    ACTION = "action"
    NOTHING = "nothing"


@dataclass(frozen=True)
class News:
    """What a webhook says, no more than a hint: what it is about is asked from the host again.

    Of an ACTION, `action` is the button's `identifier` or `rerequested`, `sha` the commit and `actor` who pressed it; `number` is
    missing for forks, whose pull request is found by `sha`. Of a PUSH, `sha` is empty when the branch was deleted.

    SECURITY: only `kind`, ids and the sha are used, and they select rows of this connection's organization alone.
    """

    kind: NewsKind
    delivery_id: str
    event: str
    repository_id: str = ""
    number: int | None = None
    branch: str = ""
    sha: str = ""
    action: str = ""
    actor: str = ""


class CheckStatus(StrEnum):
    """Of one check of one commit."""

    QUEUED = "queued"
    IN_PROGRESS = "in_progress"
    SUCCESS = "success"
    FAILURE = "failure"
    NEUTRAL = "neutral"
    ACTION_REQUIRED = "action_required"


@dataclass(frozen=True)
class Annotation:
    """A remark at a line of a file of the repository; at most 50 are sent with a check."""

    path: str
    line: int
    title: str
    message: str


@dataclass(frozen=True)
class CheckButton:
    """A button beside a check, where the host has them. Identifier and label ≤ 20 characters, description ≤ 40; pressed, it is an ACTION."""

    identifier: str
    label: str
    description: str


@dataclass(frozen=True)
class CheckReport:
    """A check as it should stand at the host. `name` is `Daggerboard / <code location>`; summary ≤ 65,535 characters, what is longer is cut."""

    name: str
    sha: str
    status: CheckStatus
    title: str
    summary: str
    details_url: str
    external_id: str
    annotations: tuple[Annotation, ...] = ()
    buttons: tuple[CheckButton, ...] = ()


class HostDeploymentState(StrEnum):
    """Of one deployment object at the host."""

    IN_PROGRESS = "in_progress"
    SUCCESS = "success"
    FAILURE = "failure"
    INACTIVE = "inactive"


@dataclass(frozen=True)
class HostDeploymentReport:
    """A deployment object as it should stand. `environment` is `dagster/<code location>/pr-<n>`, transient; description ≤ 140 characters."""

    environment: str
    ref: str
    sha: str
    state: HostDeploymentState
    environment_url: str
    log_url: str
    description: str


@dataclass(frozen=True)
class Webhook:
    """A request of the host as it came: headers by lower-case name."""

    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class GitHost(Protocol):
    """One connection to a Git host. `repository` is always the external id.

    All raise HostUnavailableError, HostRefusedError and, for what is not there, HostGoneError.
    """

    # Whether annotations and buttons of a check are shown.
    shows_annotations: bool

    def check(self) -> str:
        """Prove that the credential works; answer whose it is, for people."""
        ...

    def repositories(self) -> Iterable[RepositoryFacts]:
        """All that the credential reaches, page by page."""
        ...

    def repository(self, repository: str) -> RepositoryFacts: ...
    def open_pull_requests(self, repository: str) -> Iterable[PullRequestFacts]: ...
    def pull_request(self, repository: str, number: int) -> PullRequestFacts: ...
    def branch_head(self, repository: str, branch: str) -> str: ...
    def commit(self, repository: str, sha: str) -> CommitFacts: ...
    def merge_base(self, repository: str, base: str, head: str) -> str:
        """The commit where `head` (a sha, of a fork perhaps) left the branch or commit `base`."""
        ...

    def history(self, repository: str, sha: str, limit: int) -> list[str]:
        """The commit and those before it, newest first."""
        ...

    def changed_files(self, repository: str, base: str, head: str) -> list[str]:
        """Paths that differ between two commits, sorted; both names of a renamed file."""
        ...

    def archive(self, repository: str, sha: str, max_bytes: int) -> bytes:
        """The tree of a commit as a gzipped tar with one folder at its root; TooLargeError above `max_bytes` of it."""
        ...

    def find_comment(self, repository: str, number: int, words: str) -> str:
        """The id of the first comment of a pull request that holds these words; empty when there is none."""
        ...

    def write_comment(self, repository: str, number: int, body: str, comment_id: str) -> str:
        """Edit the comment, or make it (no id yet, or somebody deleted it); answer its id."""
        ...

    def write_check(self, repository: str, report: CheckReport, check_id: str) -> str:
        """Make or change a check; answer its id."""
        ...

    def write_deployment(self, repository: str, report: HostDeploymentReport, deployment_id: str) -> str:
        """Make a deployment object, or a new status of it; answer its id."""
        ...

    def may_write(self, repository: str, login: str) -> bool:
        """Whether a person of the host may push to the repository: who may approve a fork's commit from there."""
        ...
