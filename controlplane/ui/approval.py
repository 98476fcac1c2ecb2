"""What a page says of a fork's commit that waits for approval: the very commit that somebody was asked to look at, and no other."""

import re
from dataclasses import dataclass

from controlplane.delivery.models import DeliveryState, PullRequest, PullRequestState
from controlplane.ui.branch_words import browsable

_SHA = re.compile(r"[0-9a-f]{7,64}")


@dataclass(frozen=True)
class Approval:
    """The head that waits, and the commit of the link that was followed here; `asked` is empty for who came another way."""

    head: str
    head_url: str
    asked: str

    @property
    def is_reviewed(self) -> bool:
        """SECURITY: only then is there a button. The page may show a newer head than the one that was looked at."""
        return self.asked == self.head

    @property
    def is_outdated(self) -> bool:
        """The link was about a commit that is not the head any more."""
        return bool(self.asked) and not self.is_reviewed


def approval_of(pull: PullRequest | None, asked: str) -> Approval | None:
    """None unless a commit of the pull request waits; `asked` is what the link says. `pull` has its repository."""
    if pull is None or not pull.is_fork or pull.state != PullRequestState.OPEN:
        return None
    if pull.delivery_state != DeliveryState.HELD:
        return None
    url = browsable(f"{pull.repository.web_url}/commit/{pull.head_sha}")
    return Approval(head=pull.head_sha, head_url=url, asked=asked if _SHA.fullmatch(asked) else "")
