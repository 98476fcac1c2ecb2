"""What a fake host has: repositories with real Git in them, pull requests, and what was written to them. The verbs are what people do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tests.delivery.hosts.git_folder import GitFolder

if TYPE_CHECKING:
    from tests.delivery.hosts.host import FakeHost


def now() -> datetime:
    """Hosts tell whole seconds."""
    return datetime.now(UTC).replace(microsecond=0)


@dataclass
class Comment:
    """A comment of a pull request; `bodies` are its texts over time."""

    id: int
    number: int
    bodies: list[str]

    @property
    def body(self) -> str:
        return self.bodies[-1]


@dataclass
class Check:
    """A check of a commit; `state` is a status or conclusion in the host's own word, `states` all that it had."""

    id: int
    sha: str
    name: str
    url: str
    title: str = ""
    summary: str = ""
    states: list[str] = field(default_factory=list)
    annotations: list[dict[str, object]] = field(default_factory=list)
    buttons: list[dict[str, str]] = field(default_factory=list)

    @property
    def state(self) -> str:
        return self.states[-1]


@dataclass
class Deployed:
    """A deployment object, in the host's own words."""

    id: int
    sha: str
    environment: str
    transient: bool = False
    states: list[str] = field(default_factory=list)
    url: str = ""
    log_url: str = ""
    description: str = ""

    @property
    def state(self) -> str:
        return self.states[-1] if self.states else ""


@dataclass
class FakePullRequest:
    """One pull request of `repository`, from a branch of `source`: the same repository, or a fork."""

    repository: "FakeRepository"
    source: "FakeRepository"
    number: int
    branch: str
    base: str
    title: str
    author: str
    head_sha: str
    labels: list[str]
    state: str = "open"
    created_at: datetime = field(default_factory=now)
    updated_at: datetime = field(default_factory=now)

    @property
    def is_fork(self) -> bool:
        return self.source is not self.repository

    @property
    def comments(self) -> list[Comment]:
        return [comment for comment in self.repository.comments.values() if comment.number == self.number]

    def close(self) -> None:
        self._become("closed", "closed")

    def reopen(self) -> None:
        self._become("open", "reopened")

    def merge(self) -> str:
        """Merge into the base; answers the merge commit."""
        with self.repository.host.lock:
            sha = self.repository.git.merge(self.base, self.head_sha, f"Merge pull request #{self.number}")
        self._become("merged", "closed")
        self.repository.host.tell_push(self.repository, self.base, sha)
        return sha

    def label(self, name: str) -> None:
        self.labels.append(name)
        self._changed("labeled")

    def unlabel(self, name: str) -> None:
        self.labels.remove(name)
        self._changed("unlabeled")

    def edit(self, *, title: str = "", base: str = "") -> None:
        self.title, self.base = title or self.title, base or self.base
        self._changed("edited")

    def _become(self, state: str, action: str) -> None:
        self.state = state
        self._changed(action)

    def _changed(self, action: str) -> None:
        self.updated_at = now()
        self.repository.host.tell_pull_request(self, action)

    def synchronize(self) -> None:
        """The branch was pushed to."""
        self.head_sha = self.source.git.head(self.branch)
        self.repository.keep_head(self)
        self._changed("synchronize")


class FakeRepository:
    """One repository. `writers` may push; `is_reachable` says whether the connection's credential reaches it."""

    default_branch = "main"

    def __init__(self, host: "FakeHost", number: int, full_name: str, git: GitFolder) -> None:
        self.host, self.id, self.full_name, self.git = host, number, full_name, git
        self.parent: FakeRepository | None = None
        self.is_reachable = True
        self.is_deleted = False
        self.writers = {"ada"}
        self.pull_requests: dict[int, FakePullRequest] = {}
        self.comments: dict[int, Comment] = {}
        self.checks: dict[int, Check] = {}
        self.deployments: dict[int, Deployed] = {}

    def push(self, branch: str, files: Mapping[str, str | None], message: str = "Change", *, start: str = "") -> str:
        """Commit to a branch, which begins at `start` (or the default branch) when it is new. Answers the sha."""
        with self.host.lock:
            begin = "" if self.git.has_branch(branch) else self.git.head(start or self.default_branch)
            sha = self.git.commit(branch, files, message, parent=begin)
        self._pushed(branch, sha)
        return sha

    def force_push(self, branch: str, files: Mapping[str, str | None], message: str = "Rewritten") -> str:
        """Begin the branch anew at the default branch, with one commit."""
        with self.host.lock:
            sha = self.git.commit(branch, files, message, parent=self.git.head(self.default_branch))
        self._pushed(branch, sha)
        return sha

    def delete_branch(self, branch: str) -> None:
        """GitHub closes the pull requests that come from it; GitLab does not."""
        with self.host.lock:
            self.git.delete_branch(branch)
        self.host.tell_push(self, branch, "")
        self.host.after_branch_ended(self, branch)

    def rename_branch(self, old: str, new: str) -> None:
        """Those onto it follow; those from it are treated as if it was deleted."""
        with self.host.lock:
            self.git.set_branch(new, self.git.head(old))
            self.git.delete_branch(old)
        if self.default_branch == old:
            self.default_branch = new
        self.host.tell_push(self, new, self.git.head(new))
        for pull in self.open_pulls():
            if pull.base == old:
                pull.edit(base=new)
        self.host.after_branch_ended(self, old)

    def rename(self, name: str) -> None:
        self.full_name = f"{self.full_name.split('/', maxsplit=1)[0]}/{name}"
        self.host.tell_repository(self, "renamed")

    def transfer(self, owner: str) -> None:
        """To another owner; `is_reachable` stays, for an owner whom the credential reaches too."""
        self.full_name = f"{owner}/{self.full_name.rsplit('/', maxsplit=1)[-1]}"
        self.host.tell_repository(self, "transferred")

    def delete(self) -> None:
        self.is_deleted = True
        self.host.tell_repository(self, "deleted")

    def fork(self, owner: str = "stranger") -> "FakeRepository":
        """A fork whose commits may become pull requests here."""
        fork = self.host.add_repository(f"{owner}/{self.full_name.rsplit('/', maxsplit=1)[-1]}", git_of=self.git)
        fork.parent, fork.is_reachable, fork.writers = self, False, {owner}
        return fork

    def open_pull_request(
        self,
        branch: str,
        *,
        source: "FakeRepository | None" = None,
        base: str = "",
        title: str = "A change",
        author: str = "ada",
        labels: Sequence[str] = (),
    ) -> FakePullRequest:
        """Of a branch that was pushed, here or to a fork."""
        origin = source or self
        with self.host.lock:
            pull = FakePullRequest(
                repository=self,
                source=origin,
                number=self.host.next_number(self),
                branch=branch,
                base=base or self.default_branch,
                title=title,
                author=author,
                head_sha=origin.git.head(branch),
                labels=list(labels),
            )
            self.keep_head(pull)
            self.pull_requests[pull.number] = pull
        self.host.tell_pull_request(pull, "opened")
        return pull

    def open_pulls(self) -> list[FakePullRequest]:
        return [pull for pull in self.pull_requests.values() if pull.state == "open"]

    def keep_head(self, pull: FakePullRequest) -> None:
        """Hosts keep the head of every pull request as a ref: a fork's commits are known here."""
        self.git.fetch(pull.source.git, pull.branch, f"refs/pull/{pull.number}/head")

    def checks_of(self, sha: str) -> dict[str, Check]:
        """The newest check of each name."""
        return {check.name: check for check in self.checks.values() if check.sha == sha}

    def _pushed(self, branch: str, sha: str) -> None:
        self.host.tell_push(self, branch, sha)
        for repository in filter(None, (self, self.parent)):
            for pull in repository.open_pulls():
                if pull.source is self and pull.branch == branch:
                    pull.synchronize()
