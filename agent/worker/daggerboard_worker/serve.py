"""`serve`: load, judge, and become a warm or a lukewarm worker."""

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from daggerboard_worker import gate
from daggerboard_worker.control import ControlChannel
from daggerboard_worker.errors import LocationError
from daggerboard_worker.loading import LoadedLocation, load_location
from daggerboard_worker.locations import Location
from daggerboard_worker.ready import load_and_describe, load_failed, process_facts
from daggerboard_worker.requirements import require_dagster
from daggerboard_worker.startup import environment_with_worker
from daggerboard_worker.warmth import freeze, warm_up
from daggerboard_worker.zygote import Zygote

Json = dict[str, Any]

# Walking further than this for descriptors that C code may have left open would take seconds.
HIGHEST_DESCRIPTOR = 1 << 16

OK = 0
LOAD_FAILED = 1


def serve(
    *,
    control: ControlChannel,
    location: Location,
    socket_path: str,
    storage_dir: str,
    scratch: Path,
    mode: str,
    mode_reason: str | None,
    ready_file: str | None,
) -> int:
    try:
        require_dagster()
    except LocationError as error:
        control.send(load_failed(error, time.monotonic()))
        return LOAD_FAILED
    place = {"socket_path": socket_path, "storage_dir": storage_dir, "scratch": scratch}
    if mode == "warm":
        return serve_warm(control, location, place)
    return serve_lukewarm(control, location, place, mode_reason, ready_file)


def serve_warm(control: ControlChannel, location: Location, place: Json) -> int:
    warm_up()
    before = gate.baseline()
    result = load_and_describe(location, place["scratch"])
    loaded = result.loaded
    if loaded is None:
        control.send(result.message)
        return LOAD_FAILED
    reason = gate.refusal(before)
    if reason is not None:
        become_lukewarm(control, result.message, reason)
    prepare(place)
    freeze()
    announced = announce(control, result.message, "warm", None)
    Zygote(control=control, load=lambda: loaded, mode="warm", announced=announced, **place).serve()
    return OK


def serve_lukewarm(
    control: ControlChannel, location: Location, place: Json, reason: str | None, ready_file: str | None
) -> int:
    warm_up()
    message = read_ready_file(ready_file) if ready_file else load_in_child(location, place["scratch"])
    if message["t"] != "ready":
        control.send(message)
        return LOAD_FAILED
    prepare(place)
    freeze()
    announced = announce(control, message, "lukewarm", reason or "requested by the agent")
    Zygote(control=control, load=LoadHere(location), mode="lukewarm", announced=announced, **place).serve()
    return OK


def prepare(place: Json) -> None:
    """Only once dagster is known to be there: without it, the worker says so in a sentence."""
    from daggerboard_worker.prepared import prepare_instances

    prepare_instances(socket_path=place["socket_path"], storage_dir=place["storage_dir"])


class LoadHere:
    """Imports the user's code in whichever process asks: the child."""

    def __init__(self, location: Location) -> None:
        self.location = location

    def __call__(self) -> LoadedLocation:
        return load_location(self.location)


def announce(control: ControlChannel, message: Json, mode: str, reason: str | None) -> Json:
    announced = {**message, "mode": mode, "mode_reason": reason, **process_facts()}
    control.send(announced)
    return announced


def become_lukewarm(control: ControlChannel, message: Json, reason: str) -> None:
    """Start over without the user's code; what was learnt about it goes along in a file. Does not return."""
    with tempfile.NamedTemporaryFile("w", prefix="daggerboard-ready-", delete=False) as file:
        json.dump(message, file)
    os.environ.clear()
    os.environ.update(STARTED_WITH)
    control.keep_across_exec()
    close_all_but(control.fileno())
    arguments = [*sys.orig_argv[1:], "--mode", "lukewarm", "--mode-reason", reason, "--ready-file", file.name]
    os.chdir(STARTED_IN)
    os.execve(sys.executable, [sys.executable, *arguments], environment_with_worker())  # noqa: S606 - ourselves again


def close_all_but(kept: int) -> None:
    """Connections opened by C code may lack the close-on-exec flag."""
    os.closerange(3, kept)
    os.closerange(kept + 1, min(os.sysconf("SC_OPEN_MAX"), HIGHEST_DESCRIPTOR))


def read_ready_file(path: str) -> Json:
    content: Json = json.loads(Path(path).read_text())
    Path(path).unlink()
    return content


def load_in_child(location: Location, scratch: Path) -> Json:
    """The manifest needs the user's code once; this process must never see it."""
    from daggerboard_worker.children import fork_child

    reading, writing = os.pipe()

    def work() -> int:
        message = load_and_describe(location, scratch).message
        with os.fdopen(writing, "w") as pipe:
            json.dump(message, pipe)
        return OK

    pid = fork_child(work, close=[lambda: os.close(reading)])
    os.close(writing)
    with os.fdopen(reading) as pipe:
        text = pipe.read()
    _, status = os.waitpid(pid, 0)
    return json.loads(text) if text else died_on_load(status)


def died_on_load(status: int) -> Json:
    code = os.waitstatus_to_exitcode(status)
    how = f"was killed by signal {-code}" if code < 0 else f"exited with code {code}"
    error: Json = {"cls": None, "message": f"The process that imported the code {how}.", "stack": []}
    from daggerboard_worker.ready import versions

    return {"t": "load_failed", "error": {**error, "cause": None, "context": None}, "load_seconds": 0.0, **versions()}


# As the agent gave it to us; user code that ran on import may have changed both.
STARTED_WITH = dict(os.environ)
STARTED_IN = os.getcwd()  # noqa: PTH109
