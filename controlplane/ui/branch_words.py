"""A branch deployment in words: its state, what that means for whoever reads a page, and the addresses of its pull request."""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from controlplane.deployments.models import BranchDeployment, BranchState

_STATES = {
    BranchState.HELD: "Held for approval",
    BranchState.ACTIVE: "Active",
    BranchState.SLEEPING: "Sleeping",
    BranchState.CLOSING: "Closing",
    BranchState.ARCHIVED: "Archived",
}
_MEANING = {
    BranchState.HELD: "The pull request comes from a fork. Nothing of it is deployed until somebody approves its commit.",
    BranchState.ACTIVE: "",
    BranchState.SLEEPING: "Sleeping: pages are served from stored definitions. It wakes by itself when a run is launched.",
    BranchState.CLOSING: "Closing: what it made is being taken away.",
    BranchState.ARCHIVED: "Archived: pages are served from stored definitions, and nothing runs in it.",
}
_SHORT = 7


@dataclass(frozen=True)
class BranchLine:
    """What the head of every page of a branch deployment says of it."""

    branch: BranchDeployment
    base: str

    @staticmethod
    def word_of(state: str) -> str:
        """A state in words."""
        return _STATES[BranchState(state)]

    @property
    def state(self) -> str:
        return self.branch.state

    @property
    def state_word(self) -> str:
        return self.word_of(self.branch.state)

    @property
    def meaning(self) -> str:
        """What the state means for whoever reads; empty when there is nothing to say."""
        return _MEANING[BranchState(self.branch.state)]

    @property
    def name(self) -> str:
        return self.branch.deployment.name

    @property
    def title(self) -> str:
        return self.branch.title or self.branch.branch

    @property
    def reference(self) -> str:
        """`acme/data#7`, or `acme/data` for a branch without a pull request."""
        number = self.branch.pull_request
        return f"{self.branch.repository}#{number}" if number is not None else self.branch.repository

    def is_about(self, words: Iterable[str]) -> bool:
        """Whether all of these casefolded words are in its names: `#7` finds pull request 7."""
        branch = self.branch
        number = "" if branch.pull_request is None else f"#{branch.pull_request}"
        text = f"{self.name} {branch.title} {branch.branch} {branch.repository} {number} {branch.head_sha}".casefold()
        return all(word in text for word in words)

    @property
    def pull_request_url(self) -> str:
        return browsable(self.branch.pull_request_url)

    @property
    def branch_url(self) -> str:
        return browsable(self.branch.branch_url)

    @property
    def short_sha(self) -> str:
        return self.branch.head_sha[:_SHORT]

    @property
    def author(self) -> str:
        return str(self.branch.git.get("author_name") or self.branch.created_by)

    @property
    def is_living(self) -> bool:
        return self.branch.state in {BranchState.HELD, BranchState.ACTIVE, BranchState.SLEEPING}


def browsable(address: str) -> str:
    """The address if a browser may open it. SECURITY: CI says it, and a script is an address too."""
    return address if urlsplit(address).scheme in {"http", "https"} else ""
