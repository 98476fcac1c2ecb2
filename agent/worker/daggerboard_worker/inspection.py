"""`inspect`: print what a location contains, as JSON."""

import json
import os
import sys

from daggerboard_worker.locations import Location
from daggerboard_worker.ready import load_failed

LOAD_FAILED = 1


def inspect_location(location: Location) -> int:
    """User code may print while it loads; the answer alone goes to stdout."""
    import time

    answer = os.dup(1)
    os.dup2(2, 1)
    started = time.monotonic()
    try:
        result, code = inspected(location), 0
    except BaseException as error:  # noqa: BLE001 - user code may call sys.exit() on import
        result, code = load_failed(error, started), LOAD_FAILED
    sys.stdout.flush()
    with os.fdopen(answer, "w") as stream:
        print(json.dumps(result, indent=2), file=stream)
    return code


def inspected(location: Location) -> dict[str, object]:
    from daggerboard_worker.loading import load_location
    from daggerboard_worker.manifest.build import build_manifest, repository_snapshot
    from daggerboard_worker.manifest.counts import inspection

    loaded = load_location(location)
    return inspection(loaded, build_manifest(loaded, repository_snapshot(loaded)))
