"""Our own exceptions, each clearly ours and not the user's."""

from daggerboard_worker import __version__


class DaggerboardError(Exception):
    """Base of what the code worker raises itself."""


class LocationError(DaggerboardError):
    """The code location does not say clearly which code to load."""


class AgentGoneError(DaggerboardError):
    """The agent stayed away longer than its patience allows."""


class AgentRefusedError(DaggerboardError):
    """The agent answered a request with an error."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{message} ({code})")
        self.code = code


class DaggerboardUnsupportedError(DaggerboardError, NotImplementedError):
    """User code asked the Dagster instance for something that Daggerboard cannot answer."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"Daggerboard {__version__} does not support {name} in user code. "
            "This is a limit of Daggerboard and not an error in your code; "
            "please report it with this name if you need it."
        )
        self.name = name
