"""The loader of the process elsewhere: fetches the context that the step gave to its session."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from dagster_pipes import PipesContextData, PipesContextLoader, PipesParams

from daggerboard_pipes.requests import Session, TryLaterError

_PAUSE_SECONDS = 1.0


class PipesHttpContextLoader(PipesContextLoader):
    """For `open_dagster_pipes(context_loader=PipesHttpContextLoader())`. Tries for `patience_seconds` while the control plane is away."""

    def __init__(self, *, patience_seconds: float = 120.0) -> None:
        self.patience_seconds = patience_seconds

    @contextmanager
    def load_context(self, params: PipesParams) -> Iterator[PipesContextData]:
        session, until = Session.of(params), time.monotonic() + self.patience_seconds
        while True:
            try:
                found = session.get("context")["context"]
                break
            except TryLaterError as error:
                if time.monotonic() > until:
                    raise
                time.sleep(error.after or _PAUSE_SECONDS)
        yield found
