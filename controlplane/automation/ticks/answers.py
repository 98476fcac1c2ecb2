"""What a code worker answers to a tick (docs/code-worker.md, Calls), read and bounded, and the runs that it asks for."""

import datetime
from collections.abc import Sequence
from typing import Any

import msgspec

from controlplane.automation.conditions.backfilling import AskedBackfill
from controlplane.automation.conditions.of_code import asked_backfill
from controlplane.automation.models import Instigator, InstigatorKind, Tick
from controlplane.automation.requests import RUN_KEY_TAG, SCHEDULE_TAG, SENSOR_TAG, TICK_TAG, Asked
from controlplane.definitions import manifest as wire
from controlplane.definitions.asset_keys import check_text, to_text
from controlplane.runs.event_bounds import KEY_BYTES
from controlplane.runs.instance_writes import ReportedEvent
from controlplane.runs.requests import RunRequest
from tenants.errors import InvalidError

# More cannot be had from one tick; dagster's own advice is hundreds.
MOST_REQUESTS = 10_000
MOST_EVENTS = 10_000
MOST_REACTIONS = 10_000
MOST_PARTITION_KEYS = 100_000
ANSWER_BYTES = 16 * 1024 * 1024
# Part of an index row, as keys of partitions are.
RUN_KEY_BYTES = 2000
_LOG_CHARS = 64 * 1024
_TEXT_CHARS = 16 * 1024
# Cursors are small; one that holds a whole listing is not refused.
CURSOR_CHARS = 1024 * 1024
_LEVELS = {10: "DEBUG", 20: "INFO", 30: "WARNING", 40: "ERROR", 50: "CRITICAL"}


class AssetPartitions(msgspec.Struct, frozen=True):
    """An asset and partitions of it; None where it has none."""

    asset: list[str]
    partitions: list[str] | None = None


class Request(msgspec.Struct, frozen=True):
    """One run that user code asks for, or one backfill of assets. Asset keys are lists of parts, checks are pairs of a key and a name."""

    run_key: str | None = None
    job: str | None = None
    tags: dict[str, str] = {}
    run_config: dict[str, Any] = {}
    assets: list[list[str]] | None = None
    checks: list[tuple[list[str], str]] | None = None
    partition: str | None = None
    # Beside this, only the tags mean anything.
    backfill: list[AssetPartitions] | None = None


class PartitionsChange(msgspec.Struct, frozen=True):
    """Keys of a dynamic partitions definition to add or delete."""

    op: str
    name: str
    keys: list[str]


class Reaction(msgspec.Struct, frozen=True):
    """A run that a run-status sensor reacted to, and the error where its own code failed."""

    run_id: str
    status: str | None = None
    error: dict[str, Any] | None = None


class ReportedAssetEvent(msgspec.Struct, frozen=True):
    """An asset event that a sensor reports."""

    event: ReportedEvent


class Answer(msgspec.Struct, frozen=True):
    """A whole tick."""

    requests: list[Request] = []
    skip: str | None = None
    cursor: str | None = None
    dynamic_partitions: list[PartitionsChange] = []
    reactions: list[Reaction] = []
    asset_events: list[ReportedAssetEvent] = []
    log: list[tuple[float, int | str, str]] = []
    error: dict[str, Any] | None = None

    @property
    def backfills(self) -> list[Request]:
        """The requests that are backfills."""
        return [request for request in self.requests if request.backfill is not None]


def read(result: Any) -> Answer:
    """InvalidError when it is no answer to a tick, or more than one tick may ask for."""
    try:
        answer = msgspec.convert(result, Answer, strict=False)
        size = len(msgspec.json.encode(result))
    except (msgspec.ValidationError, RecursionError, OverflowError, UnicodeEncodeError) as error:
        raise InvalidError(f"The code worker's answer is no tick: {error}.") from error
    _check_numbers(answer, size)
    for request in answer.requests:
        _check_keys(request)
    if answer.cursor is not None and len(answer.cursor) > CURSOR_CHARS:
        raise InvalidError(f"The cursor has {len(answer.cursor)} characters; {CURSOR_CHARS} are accepted.")
    return answer


def _check_numbers(answer: Answer, size: int) -> None:
    keys = sum(len(change.keys) for change in answer.dynamic_partitions)
    for number, most, what in (
        (size, ANSWER_BYTES, "bytes were answered"),
        (len(answer.requests), MOST_REQUESTS, "runs were requested"),
        (len(answer.asset_events), MOST_EVENTS, "asset events were reported"),
        (len(answer.reactions), MOST_REACTIONS, "runs were reacted to"),
        (keys + len(answer.dynamic_partitions), MOST_PARTITION_KEYS, "keys of dynamic partitions were changed"),
    ):
        if number > most:
            raise InvalidError(f"{number} {what}; {most} are accepted from one tick. Do the rest in the next one.")


def _check_keys(request: Request) -> None:
    for what, text, most in (("run key", request.run_key, RUN_KEY_BYTES), ("partition", request.partition, KEY_BYTES)):
        if text is not None and len(text.encode("utf-8", "replace")) > most:
            raise InvalidError(f"The {what} {text[:50]!r}… is longer than {most} bytes. Use a shorter one.")


def failed_answer(result: Any, error: dict[str, Any]) -> dict[str, Any]:
    """The answer of a tick that raised: the error, and what the agent sent with it, such as the log of what led to it."""
    return {**(result if isinstance(result, dict) else {}), "error": error}


def log_text(lines: Sequence[tuple[float, int | str, str]]) -> str:
    """What the tick logged as lines of text, the newest where there is too much."""
    text = "\n".join(f"{_clock(at)} {_LEVELS.get(_number(level), level)} {message}" for at, level, message in lines)
    return plain(text if len(text) <= _LOG_CHARS else f"… {text[-_LOG_CHARS:]}")


def short(text: str | None) -> str:
    """A text of user code as it can be stored."""
    return plain((text or "")[:_TEXT_CHARS])


def plain(text: str) -> str:
    """Without what Postgres cannot store."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def _number(level: int | str) -> int:
    return level if isinstance(level, int) else -1


def _clock(at: float) -> str:
    try:
        return datetime.datetime.fromtimestamp(at, datetime.UTC).strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return "-"


def runs_of(answer: Answer, tick: Tick, row: Instigator, manifest: wire.Manifest) -> list[Asked]:
    """The runs that it asks for, as they are stored. A schedule asks for each run key once in a tick, a sensor once for good."""
    definition = _definition(row, manifest)
    found, keys = [], set[str]()
    for request in answer.requests:
        if request.backfill is not None:
            continue
        is_schedule = row.kind == InstigatorKind.SCHEDULE
        if is_schedule and request.run_key:
            if request.run_key in keys:
                continue
            keys.add(request.run_key)
        asked = _run_request(request, tick, row, definition)
        found.append(Asked(asked, run_key=None if is_schedule else request.run_key))
    return found


def _definition(row: Instigator, manifest: wire.Manifest) -> wire.Schedule | wire.Sensor | None:
    every: Sequence[wire.Schedule | wire.Sensor] = (
        manifest.schedules if row.kind == InstigatorKind.SCHEDULE else manifest.sensors
    )
    return next((one for one in every if one.name == row.name), None)


def _run_request(
    request: Request, tick: Tick, row: Instigator, definition: wire.Schedule | wire.Sensor | None
) -> RunRequest:
    job = request.job or _only_job(definition)
    assets = request.assets
    if job is None and assets is None and not request.checks and definition is not None:
        assets = definition.assets
    return RunRequest(
        location=row.location_name,
        job=job,
        assets=[to_text(key) for key in assets] if assets is not None else None,
        checks=[check_text(key, name) for key, name in request.checks] if request.checks is not None else None,
        partition=request.partition,
        run_config=request.run_config,
        tags=_tags(request, tick, row, definition),
    )


def _only_job(definition: wire.Schedule | wire.Sensor | None) -> str | None:
    if isinstance(definition, wire.Schedule):
        return definition.job
    return definition.jobs[0] if definition is not None and len(definition.jobs) == 1 else None


def backfills_of(answer: Answer, tick: Tick, row: Instigator, manifest: wire.Manifest) -> list[AskedBackfill]:
    """The backfills that it asks for. InvalidError for what cannot be backfilled."""
    definition = _definition(row, manifest)
    return [
        asked_backfill(
            tick.org_id,
            tick.deployment_id,
            {to_text(part.asset): part.partitions for part in request.backfill or ()},
            _tags(request, tick, row, definition),
        )
        for request in answer.backfills
    ]


def _tags(
    request: Request, tick: Tick, row: Instigator, definition: wire.Schedule | wire.Sensor | None
) -> dict[str, str]:
    own = {
        SCHEDULE_TAG if row.kind == InstigatorKind.SCHEDULE else SENSOR_TAG: row.name,
        TICK_TAG: str(tick.id),
        **({RUN_KEY_TAG: request.run_key} if request.run_key else {}),
    }
    return {**(definition.run_tags if definition is not None else {}), **request.tags, **own}
