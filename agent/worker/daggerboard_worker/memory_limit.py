"""The memory a run may have, by its tag `daggerboard/memory` ("512Mi", "2Gi"): a limit of its process, and of each step process."""

import contextlib
import re
import resource
from collections.abc import Mapping

TAG = "daggerboard/memory"
UNITS = {
    "": 1,
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "Ti": 2**40,
    "K": 10**3,
    "k": 10**3,
    "M": 10**6,
    "G": 10**9,
    "T": 10**12,
}


def limit_memory(tags: Mapping[str, str]) -> None:
    """From now on an allocation above it raises MemoryError. What is mapped from files does not count: libraries are shared."""
    wanted = memory_bytes(tags.get(TAG, ""))
    if wanted is None:
        return
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    # Only Linux counts what is allocated; elsewhere the system may refuse.
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_DATA, (most, hard))


def memory_bytes(text: str) -> int | None:
    """None for what is no amount; the control plane has refused it already."""
    found = re.fullmatch(r"([0-9]{1,15})([KMGT]i|[kKMGT]|)", text.strip())
    return int(found[1]) * UNITS[found[2]] if found else None
