"""What webhooks of GitHub and of GitLab share: JSON bodies, and news of pushes."""

import json
from collections.abc import Mapping
from typing import Any

from controlplane.delivery.hosts.base import NewsKind
from tenants.errors import InvalidError

# The kind of the news, and what else of them is known, as fields of `News`.
Found = tuple[NewsKind, dict[str, Any]]
_BRANCH = "refs/heads/"
# What hosts write as the commit of a branch that was deleted.
_NO_COMMIT = "0" * 40


def json_object(body: bytes, *, otherwise: str) -> dict[str, Any]:
    """The payload; InvalidError, in the words of `otherwise`, when it is no JSON."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidError(otherwise) from error
    if not isinstance(found, dict):
        raise InvalidError("The webhook is no JSON object.")
    return found


def nothing(_payload: Mapping[str, Any]) -> Found:
    """No news for us."""
    return NewsKind.NOTHING, {}


def push(payload: Mapping[str, Any]) -> Found:
    """Commits of a branch, or its end; tags are no news."""
    ref, sha = str(payload.get("ref", "")), str(payload.get("after", ""))
    if not ref.startswith(_BRANCH):
        return NewsKind.NOTHING, {}
    return NewsKind.PUSH, {"branch": ref.removeprefix(_BRANCH), "sha": "" if sha == _NO_COMMIT else sha}
