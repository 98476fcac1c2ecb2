"""Refusals that only agents see."""

from tenants.errors import AppError, ConflictError, NotFoundError


class UnauthenticatedError(AppError):
    """The token is not known here, was revoked, or has expired."""

    code = "authentication_failed"
    status = 401


class BootstrapOnlyError(UnauthenticatedError):
    """The token is good for registering only; everything else takes the credential that registering answers. Upgrade the agent."""

    code = "bootstrap_only"


class ProtocolTooOldError(AppError):
    """The agent is too old for this control plane. Upgrade it."""

    code = "protocol_too_old"
    status = 426


class UnknownAgentError(NotFoundError):
    """The agent is not registered with this token. Register again."""


class SupersededError(ConflictError):
    """Another process has registered under this agent's name since. Stop one of them, or give it another name."""

    code = "superseded"


class CallFailedError(AppError):
    """User code raised an error while it answered."""

    code = "call_failed"
    status = 422

    def __init__(self, error: dict[str, object], result: object = None) -> None:
        self.error = error
        # What came with it, such as the log of what led to it.
        self.result = result
        super().__init__(str(error.get("message") or self.__doc__))
