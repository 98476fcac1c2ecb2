"""Which tests one process runs, and in what order."""

import pytest
from xdist.scheduler import LoadFileScheduling

# Folders and files whose tests take minutes, the longest first: what starts last must be short, or one process waits for the other.
_LONG = (
    "tests/faults/",
    "tests/e2e/",
    "tests/browser/",
    "browser.py",
    "tests/isolation/test_hidden.py",
    "tests/isolation/test_random_requests.py",
    "tests/api/test_fuzz.py",
)
# They connect a Git host of their own.
_OWN_INSTALLATION = {"test_flights_branch.py", "test_fork.py", "test_pull_request.py"}


def order(item: pytest.Item) -> int:
    """The place of a test's file; files of the same place keep theirs."""
    path = item.path.as_posix()
    return next((number for number, part in enumerate(_LONG) if part in path), len(_LONG))


class ByInstallation(LoadFileScheduling):  # type: ignore[misc]  # xdist has no types
    """A file's tests go to one process; so do all files of tests/e2e that share its installation, for starting one costs half a minute."""

    def _split_scope(self, nodeid: str) -> str:
        folder, _, file = nodeid.partition("::")[0].rpartition("/")
        return folder if folder == "tests/e2e" and file not in _OWN_INSTALLATION else f"{folder}/{file}"
