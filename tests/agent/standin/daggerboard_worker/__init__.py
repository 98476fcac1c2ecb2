"""A code worker without dagster: runs follow a script. It borrows the real worker's connection, forking and control channel."""

from pathlib import Path

__path__.append(str(Path(__file__).resolve().parents[4] / "agent" / "worker" / "daggerboard_worker"))

__version__ = "0"
