"""The code worker: hosts one version of one Dagster code location in the user's own interpreter (docs/code-worker.md)."""

__version__ = "0.1.0"
