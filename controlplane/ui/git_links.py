"""From what git calls a repository to an address that a browser can open. Remotes may hold credentials: none of them are shown."""

import re
from urllib.parse import quote, urlsplit

# `git@host:path`, or a host with a dot in it.
_SCP = re.compile(r"^(?:[\w.-]+@([\w.-]+)|([\w-]+(?:\.[\w-]+)+)):(?!//)(.+)$")
_COMMIT = re.compile(r"^[0-9a-fA-F]{7,64}$")


def repository_page(git_url: str) -> str:
    """The repository's own page; empty when the remote is none that a browser can open."""
    scp = _SCP.match(git_url)
    text = f"https://{scp[1] or scp[2]}/{scp[3]}" if scp else git_url.replace("ssh://", "https://", 1)
    try:
        parts = urlsplit(text)
        port = f":{parts.port}" if parts.port and parts.scheme == "https" and not git_url.startswith("ssh://") else ""
    except ValueError:
        return ""
    if parts.scheme not in {"https", "http"} or not parts.hostname or not parts.path.strip("/"):
        return ""
    return f"{parts.scheme}://{parts.hostname}{port}/{quote(parts.path.strip('/').removesuffix('.git'))}"


def commit_page(git_url: str, commit: str) -> str:
    """The page of one commit, as GitHub, GitLab, Gitea and Bitbucket Cloud (with an s) have it; empty when there is none."""
    repository = repository_page(git_url)
    if not repository or not _COMMIT.match(commit):
        return ""
    host = urlsplit(repository).hostname or ""
    folder = "-/commit" if "gitlab" in host else "commits" if "bitbucket" in host else "commit"
    return f"{repository}/{folder}/{commit}"
