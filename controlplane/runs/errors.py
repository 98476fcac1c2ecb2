"""Errors of runs that carry more than a sentence."""

from collections.abc import Sequence

from controlplane.runs.config_errors import ConfigError
from tenants.errors import ConflictError, InvalidError

_SHOWN = 5


class InvalidRunConfigError(InvalidError):
    """The run config does not fit the job. `errors` says where."""

    code = "invalid_run_config"

    def __init__(self, errors: Sequence[ConfigError]) -> None:
        self.errors = list(errors)
        shown = " ".join(error.text for error in self.errors[:_SHOWN])
        more = f" And {len(self.errors) - _SHOWN} more." if len(self.errors) > _SHOWN else ""
        super().__init__(f"The run config does not fit the job. {shown}{more}", attr="run_config")


class RunEndedError(ConflictError):
    """The run has ended already."""

    code = "run_ended"


class RunNotEndedError(ConflictError):
    """The run goes on."""

    code = "run_not_ended"


class NotResumableError(ConflictError):
    """The run cannot be run again from where it failed."""

    code = "not_resumable"
