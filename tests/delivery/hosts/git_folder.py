"""Real Git: one bare repository on disk, so that archives, merge bases and comparisons of the fake hosts are true."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

_IDENTITY = {
    "GIT_AUTHOR_NAME": "Ada Lovelace",
    "GIT_AUTHOR_EMAIL": "ada@example.com",
    "GIT_COMMITTER_NAME": "Ada Lovelace",
    "GIT_COMMITTER_EMAIL": "ada@example.com",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "HOME": "/nonexistent",
}


class UnknownCommitError(LookupError):
    """There is no such commit or branch."""


class GitFolder:
    """A bare repository. Shas are the real ones."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def made(cls, path: Path) -> "GitFolder":
        subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", path], check=True)
        return cls(path)

    def cloned(self, path: Path) -> "GitFolder":
        subprocess.run(
            ["git", "clone", "--quiet", "--bare", self.path, path], check=True, env={**os.environ, **_IDENTITY}
        )
        return GitFolder(path)

    def git(self, *words: str, stdin: bytes | None = None, **environment: str) -> bytes:
        """Output of a git command; UnknownCommitError when it fails."""
        done = subprocess.run(
            ["git", *words],
            cwd=self.path,
            env={**os.environ, **_IDENTITY, **environment},
            input=stdin,
            capture_output=True,
            check=False,
        )
        if done.returncode:
            raise UnknownCommitError(done.stderr.decode())
        return done.stdout

    def text(self, *words: str) -> str:
        return self.git(*words).decode().strip()

    def commit(self, branch: str, files: Mapping[str, str | None], message: str, *, parent: str = "") -> str:
        """Add a commit to a branch: these files changed (None: deleted), on top of the parent, or of the branch as it is."""
        parent = parent or (self.head(branch) if self.has_branch(branch) else "")
        lines = [
            f"commit refs/heads/{branch}".encode(),
            b"committer Ada Lovelace <ada@example.com> now",
            _data(message),
            *([f"from {parent}".encode()] if parent else []),
        ]
        for name, content in files.items():
            lines += [f"D {name}".encode()] if content is None else [f"M 100644 inline {name}".encode(), _data(content)]
        self.git("fast-import", "--quiet", "--force", "--date-format=now", stdin=b"\n".join([*lines, b""]))
        return self.head(branch)

    def merge(self, into: str, sha: str, message: str) -> str:
        """A merge commit whose tree is that of the branch that is merged: enough where nothing conflicts."""
        merged = self.text("commit-tree", f"{sha}^{{tree}}", "-p", self.head(into), "-p", sha, "-m", message)
        self.set_branch(into, merged)
        return merged

    def head(self, branch: str) -> str:
        return self.text("rev-parse", "--verify", f"refs/heads/{branch}")

    def has_branch(self, branch: str) -> bool:
        return bool(self.text("for-each-ref", f"refs/heads/{branch}"))

    def set_branch(self, branch: str, sha: str) -> None:
        self.git("update-ref", f"refs/heads/{branch}", sha)

    def delete_branch(self, branch: str) -> None:
        self.git("update-ref", "-d", f"refs/heads/{branch}")

    def fetch(self, other: "GitFolder", branch: str, ref: str) -> None:
        self.git("fetch", "--quiet", "--no-tags", str(other.path), f"+refs/heads/{branch}:{ref}")

    def sha(self, name: str) -> str:
        """The commit of a sha, or of a branch."""
        try:
            return self.head(name)
        except UnknownCommitError:
            return self.text("rev-parse", "--verify", f"{name}^{{commit}}")

    def merge_base(self, one: str, other: str) -> str:
        return self.text("merge-base", self.sha(one), self.sha(other))

    def log(self, name: str) -> list[str]:
        """Shas of a commit and of those before it, newest first."""
        return self.text("log", "--format=%H", self.sha(name)).split()

    def facts(self, sha: str) -> dict[str, str]:
        names = ("sha", "author_name", "author_email", "date", "message")
        return dict(
            zip(names, self.text("log", "-1", "--format=%H%x00%an%x00%ae%x00%cI%x00%B", sha).split("\0"), strict=True)
        )

    def changes(self, before: str, after: str) -> list[tuple[str, str, str]]:
        """Status letter, path before and path after of what differs between two commits."""
        words = self.git("diff-tree", "-r", "-M", "-z", "--name-status", before, after).decode().split("\0")[:-1]
        found = []
        while words:
            status = words.pop(0)
            old = words.pop(0)
            found.append((status[0], old, words.pop(0) if status[0] == "R" else old))
        return found

    def tree(self, sha: str) -> list[tuple[str, str, str, str]]:
        """Mode, type, sha and path of everything in a commit."""
        lines = self.git("ls-tree", "-r", "-t", "-z", sha).decode().split("\0")[:-1]
        return [(*line.split("\t")[0].split(" "), line.split("\t")[1]) for line in lines]  # type: ignore[misc]  # three words

    def archive(self, sha: str, folder: str) -> bytes:
        return self.git("archive", "--format=tar.gz", f"--prefix={folder}/", sha)


def _data(text: str) -> bytes:
    """A text as `git fast-import` reads it."""
    content = text.encode()
    return b"data %d\n%s" % (len(content), content)
