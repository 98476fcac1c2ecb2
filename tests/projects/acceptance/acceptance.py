"""What the acceptance and fault tests run: quick, slow, chatty, failing and hostile assets, each one a plain Dagster asset."""

import os
import signal
import sys
import time
from pathlib import Path

import dagster as dg


class Patience(dg.Config):
    """How long to go on, and the file that ends it at once."""

    seconds: float = 60.0
    until_file: str = ""


@dg.asset
def quick() -> int:
    """Done at once."""
    return 1


@dg.asset
def slow(context: dg.AssetExecutionContext, config: Patience) -> None:
    """Logs a line ten times a second until its time or its file comes."""
    end = time.monotonic() + config.seconds
    line = 0
    while time.monotonic() < end and not (config.until_file and Path(config.until_file).exists()):
        context.log.info(f"line {line}")
        line += 1
        time.sleep(0.1)


class Chatter(dg.Config):
    """How many lines to log."""

    lines: int = 1000


@dg.asset
def chatty(context: dg.AssetExecutionContext, config: Chatter) -> None:
    """Logs many lines through Dagster."""
    for number in range(config.lines):
        context.log.info(f"line {number}")


@dg.asset
def timestamps(config: Patience) -> None:
    """Prints the time, five times a second."""
    end = time.monotonic() + config.seconds
    while time.monotonic() < end:
        print(f"printed-at {time.time():.6f}", flush=True)
        time.sleep(0.2)


@dg.asset
def failing() -> None:
    """Raises, with a cause."""
    try:
        {}["no such key"]
    except KeyError as error:
        raise ValueError("this asset always fails") from error


@dg.asset
def killed() -> None:
    """Kills its own process, as the kernel would."""
    os.kill(os.getpid(), signal.SIGKILL)


@dg.asset
def hungry() -> None:
    """Wants 600 MB at once, and touches none of it."""
    assert bytearray(600 * 10**6)


@dg.asset
def loud() -> None:
    """A hundred megabytes on one line."""
    block = "x" * (1024 * 1024)
    for _ in range(100):
        sys.stdout.write(block)
    sys.stdout.write("\n")


@dg.asset
def million_lines() -> None:
    """A million lines."""
    for number in range(1_000_000):
        sys.stdout.write(f"line {number}\n")


def _nested(depth: int) -> list[object]:
    nested: list[object] = []
    for _ in range(depth):
        nested = [nested]
    return nested


@dg.asset
def hostile(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """Everything that text can do to a reader who trusts it."""
    print("\x1b[31mred\x1b[0m <script>alert(1)</script> \x1b]0;title\x07")
    context.log.info("<img src=x onerror=alert(1)> \ud800 lone surrogate")
    return dg.MaterializeResult(
        metadata={
            "nan": float("nan"),
            "infinite": float("inf"),
            "huge": 2**80,
            "surrogate": "before \ud800 after",
            "deep": dg.MetadataValue.json({"a": _nested(500)}),
            "nul": "a\x00b",
            "html": "<script>alert(1)</script>",
            "markdown": dg.MetadataValue.md("[click](javascript:alert(1)) <script>alert(1)</script>"),
        }
    )


@dg.op
def first() -> int:
    return 1


@dg.op
def next_one(number: int) -> int:
    return number + 1


@dg.job(executor_def=dg.multiprocess_executor)
def five_steps() -> None:
    """Five steps, a process each."""
    next_one.alias("fifth")(next_one.alias("fourth")(next_one.alias("third")(next_one.alias("second")(first()))))


@dg.job(executor_def=dg.in_process_executor)
def five_steps_in_process() -> None:
    """The same five steps in one process."""
    next_one.alias("fifth")(next_one.alias("fourth")(next_one.alias("third")(next_one.alias("second")(first()))))


defs = dg.Definitions(
    assets=[quick, slow, chatty, timestamps, failing, killed, hungry, loud, million_lines, hostile],
    jobs=[five_steps, five_steps_in_process],
)
