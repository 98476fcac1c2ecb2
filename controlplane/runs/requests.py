"""What somebody asks for: the request for a run, its tags' bounds, and the words of the tags that mean something to us."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import msgspec

from tenants.errors import InvalidError

# Dagster's own tags.
PARTITION_TAG = "dagster/partition"
RANGE_START_TAG = "dagster/asset_partition_range_start"
RANGE_END_TAG = "dagster/asset_partition_range_end"
PRIORITY_TAG = "dagster/priority"
BACKFILL_TAG = "dagster/backfill"
MAX_RUNTIME_TAG = "dagster/max_runtime"
# Ours: how much memory the run's processes may have each, such as 512Mi.
MEMORY_TAG = "daggerboard/memory"
# What retries read of tags (retry_policy.py): each is a number, or one of these words.
_WORDS_OF_TAGS = {
    "dagster/retry_strategy": ("FROM_FAILURE", "ALL_STEPS"),
    "dagster/retry_on_asset_or_op_failure": ("true", "false"),
}
_RETRIES_TAG = "dagster/max_retries"
_MEMORY_UNITS = {
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "Ti": 2**40,
    "k": 10**3,
    "K": 10**3,
    "M": 10**6,
    "G": 10**9,
    "T": 10**12,
}
_MEMORY_LEAST = 32 * 2**20

TAGS_MAX = 100
# Beside these, the tags that Daggerboard and dagster set themselves: of a retry, of a partition with its dimensions.
OWN_TAGS_MAX = 50
_OWN_PREFIXES = ("dagster/", "daggerboard/")
TAG_NAME_MAX = 200
TAG_VALUE_MAX = 2000
# A config above this does not fit what an agent accepts beside everything else in a poll.
CONFIG_BYTES_MAX = 1024 * 1024
_PRIORITY_MAX = 1_000_000


@dataclass(frozen=True, kw_only=True)
class RunRequest:
    """A run of a job, or of assets and checks. Keys are user strings: `a/b` for assets, `a/b:name` for checks.

    Without `location`, the one is meant that defines the job or the assets; without `job`, dagster's own job of all assets. Selections
    that are None mean all of the job.
    """

    location: str | None = None
    job: str | None = None
    assets: Sequence[str] | None = None
    checks: Sequence[str] | None = None
    ops: Sequence[str] | None = None
    step_keys: Sequence[str] | None = None
    partition: str | None = None
    run_config: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    parent_run_id: UUID | None = None
    root_run_id: UUID | None = None


def check_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags, when they keep the bounds; InvalidError otherwise."""
    own = sum(str(name).startswith(_OWN_PREFIXES) for name in tags)
    if len(tags) - own > TAGS_MAX or own > OWN_TAGS_MAX:
        raise InvalidError(
            f"A run can have {TAGS_MAX} tags, and {OWN_TAGS_MAX} whose names begin with {' or '.join(_OWN_PREFIXES)}; these are "
            f"{len(tags) - own} and {own}.",
            attr="tags",
        )
    for name, value in tags.items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise InvalidError("Names and values of tags are text.", attr="tags")
        if not name or len(name) > TAG_NAME_MAX or len(value) > TAG_VALUE_MAX:
            words = f"A tag's name has 1 to {TAG_NAME_MAX} characters, its value at most {TAG_VALUE_MAX}"
            raise InvalidError(f"{words}: {name[:50]} does not.", attr="tags")
        if not _is_storable(name + value):
            raise InvalidError(f"The tag {name!r} has characters that cannot be stored.", attr="tags")
    max_runtime(tags)
    _check_retry_tags(tags)
    return dict(tags)


def _check_retry_tags(tags: Mapping[str, str]) -> None:
    for name, words in _WORDS_OF_TAGS.items():
        if name in tags and tags[name].lower() not in {word.lower() for word in words}:
            raise InvalidError(f"The tag {name} is {' or '.join(words)}, not {tags[name][:50]!r}.", attr="tags")
    if not tags.get(_RETRIES_TAG, "0").isdecimal():
        raise InvalidError(f"The tag {_RETRIES_TAG} is a whole number, not {tags[_RETRIES_TAG][:50]!r}.", attr="tags")
    if MEMORY_TAG in tags and (memory_bytes(tags[MEMORY_TAG]) or 0) < _MEMORY_LEAST:
        raise InvalidError(
            f"The tag {MEMORY_TAG} is an amount of memory of at least 32Mi, such as 512Mi or 2Gi, not {tags[MEMORY_TAG][:50]!r}.",
            attr="tags",
        )


def memory_bytes(text: str) -> int | None:
    """What the tag daggerboard/memory gives; None for what is no amount."""
    found = re.fullmatch(r"([0-9]{1,15})([KMGT]i|[kKMGT]|)", text.strip())
    return int(found[1]) * _MEMORY_UNITS.get(found[2], 1) if found else None


def priority(tags: Mapping[str, str]) -> int:
    """The tag dagster/priority, 0 when there is none."""
    text = tags.get(PRIORITY_TAG, "0")
    try:
        value = int(text)
    except ValueError as error:
        raise InvalidError(f"The tag {PRIORITY_TAG} is a whole number, not {text!r}.", attr="tags") from error
    return max(-_PRIORITY_MAX, min(_PRIORITY_MAX, value))


def max_runtime(tags: Mapping[str, str]) -> float | None:
    """The tag dagster/max_runtime, in seconds."""
    text = tags.get(MAX_RUNTIME_TAG)
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError as error:
        raise InvalidError(f"The tag {MAX_RUNTIME_TAG} is a number of seconds, not {text!r}.", attr="tags") from error
    if not 0 < seconds < float("inf"):
        raise InvalidError(f"The tag {MAX_RUNTIME_TAG} is a number of seconds above 0.", attr="tags")
    return seconds


def check_config_size(config: Mapping[str, Any]) -> dict[str, Any]:
    """The config as plain JSON; InvalidError when it is none, or too large."""
    try:
        encoded = msgspec.json.encode(config)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidError(f"The run config cannot be written as JSON: {error}.", attr="run_config") from error
    if len(encoded) > CONFIG_BYTES_MAX:
        raise InvalidError(
            f"The run config has {len(encoded)} bytes; {CONFIG_BYTES_MAX} are accepted.", attr="run_config"
        )
    if b"\\u0000" in encoded and not _is_storable(encoded.decode()):
        raise InvalidError("The run config holds a NUL character, which cannot be stored.", attr="run_config")
    plain: dict[str, Any] = msgspec.json.decode(encoded)
    return plain


def _is_storable(text: str) -> bool:
    if "\0" in text or "\\u0000" in text.replace("\\\\", ""):
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
