"""Labels of runs: 128-bit hashes of facts that run lists filter by, so that one narrow index serves them all."""

import hashlib
from collections.abc import Iterable, Mapping
from uuid import UUID

# A run of more assets than this is found by its newest assets' pages through asset events, not by label.
ASSETS_MAX = 10_000


def asset(key: str) -> UUID:
    return _label("asset", key)


def check(text: str) -> UUID:
    """Of a check that the run is to evaluate, as `a/b:name`."""
    return _label("check", text)


def checked(key: str) -> UUID:
    """Of an asset of which the run is to evaluate a check. planned_checks.py has it in SQL."""
    return _label("checked", key)


def assets_of_checks(texts: Iterable[str]) -> set[str]:
    """The assets of checks that are written as `a/b:name`."""
    return {text.rpartition(":")[0] for text in texts}


def partition(key: str) -> UUID:
    return _label("partition", key)


def tag(name: str, value: str) -> UUID:
    return _label("tag", name, value)


def launched_by(label: str) -> UUID:
    return _label("by", label)


def of_run(
    *, assets: Iterable[str], checks: Iterable[str] = (), partition_key: str | None, tags: Mapping[str, str], actor: str
) -> set[UUID]:
    """Every label of one run."""
    found = {asset(key) for key in list(assets)[:ASSETS_MAX]}
    planned = list(checks)[:ASSETS_MAX]
    found |= {check(text) for text in planned} | {checked(key) for key in assets_of_checks(planned)}
    found |= {tag(name, value) for name, value in tags.items()}
    found.add(launched_by(actor))
    if partition_key is not None:
        found.add(partition(partition_key))
    return found


def _label(*words: str) -> UUID:
    text = "\0".join(words).encode("utf-8", "surrogatepass")
    return UUID(bytes=hashlib.sha256(text).digest()[:16])
