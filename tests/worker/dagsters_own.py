"""What dagster itself says about a location, asked in the user's interpreter by the route of dagster's own command line."""

import json
import os
import subprocess
from typing import Any

from tests.worker.interpreters import user_interpreter

SCRIPT = """
import hashlib, json, os, sys
sys.setrecursionlimit(100_000)
from dagster._core.code_pointer import CodePointer
from dagster._core.definitions.reconstruct import repository_def_from_target_def
from dagster._grpc.utils import get_loadable_targets
import inspect
names = ("python_file", "module_name", "package_name", "autoload_defs_module_name", "attribute", "working_directory")
def view(location):
    arguments = {name: location.get(name) for name in names}
    if "resolve_lazy_defs" in inspect.signature(get_loadable_targets).parameters:
        arguments["resolve_lazy_defs"] = True
    os.chdir(location["working_directory"])
    sys.path[:0] = [location["working_directory"], os.path.join(location["working_directory"], "src")]
    (target,) = get_loadable_targets(**arguments)
    repository = repository_def_from_target_def(target.target_definition)
    graph = repository.asset_graph
    nodes = list(graph.asset_nodes)
    lines = sorted("/".join(n.key.path) + " -> " + ",".join(sorted("/".join(p.path) for p in n.parent_keys)) for n in nodes)
    return {
        "assets": len(nodes),
        "checks": len(graph.asset_check_keys),
        "jobs": len(repository.get_all_jobs()),
        "schedules": len(repository.schedule_defs),
        "sensors": len(repository.sensor_defs),
        "partitions": len([n for n in nodes if n.partitions_def]),
        "edge_sha256": hashlib.sha256("\\n".join(lines).encode()).hexdigest(),
    }

# A process for each, because importing one project shows in the next.
for location in json.loads(sys.argv[1]):
    sys.stdout.flush()
    if os.fork() == 0:
        print(json.dumps(view(location)), flush=True)
        os._exit(0)
    if os.wait()[1]:
        sys.exit(1)
"""


def dagsters_own_views(locations: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One view for each; dagster is imported once for all."""
    done = subprocess.run(
        [user_interpreter(), "-W", "ignore", "-c", SCRIPT, json.dumps(locations)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": ""},
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
