"""Write the manifest that the code worker makes of a project; run as a process.

Arguments: worker folder, project folder, and maybe a file of it.
"""

import sys

sys.path.insert(0, sys.argv[1])

from daggerboard_worker.canonical import canonical_json
from daggerboard_worker.loading import load_location
from daggerboard_worker.locations import Location
from daggerboard_worker.manifest.build import build_manifest, repository_snapshot

target = {"python_file": sys.argv[3]} if len(sys.argv) > 3 else {}
loaded = load_location(Location.from_json({"name": "flights", "working_directory": sys.argv[2], **target}))
sys.stdout.buffer.write(canonical_json(build_manifest(loaded, repository_snapshot(loaded))))
