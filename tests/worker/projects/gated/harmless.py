import subprocess
import sys

import dagster as dg


@dg.asset
def plain():
    return 1


@dg.asset
def environment(context):
    code = "import os; print(os.environ.get('PYTHONPATH'))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    context.log.info("path %s", found.stdout.strip())


defs = dg.Definitions([plain, environment])
