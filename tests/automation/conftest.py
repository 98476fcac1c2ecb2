"""The code worker's package is found by its path, as in the evaluator's own process."""

import sys
from pathlib import Path

WORKER = Path(__file__).parents[2] / "agent" / "worker"
if str(WORKER) not in sys.path:
    sys.path.append(str(WORKER))
