"""Dagster Pipes over HTTP. What is here is for the process elsewhere; the side of the step is `daggerboard_pipes.step`."""

from daggerboard_pipes.context_loader import PipesHttpContextLoader
from daggerboard_pipes.message_writer import PipesHttpMessageWriter
from daggerboard_pipes.requests import PipesSessionOverError

__all__ = ["PipesHttpContextLoader", "PipesHttpMessageWriter", "PipesSessionOverError"]
