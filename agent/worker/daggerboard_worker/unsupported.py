"""Storage calls that have no answer inside a run: they fail by name, as our error, and are reported with the exit."""

from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from daggerboard_worker.errors import DaggerboardUnsupportedError

# Names asked for in this process; `exit` and `result` report them.
asked_for: list[str] = []

AnyClass = TypeVar("AnyClass", bound=type[Any])


def refuse(name: str) -> NoReturn:
    if name not in asked_for:
        asked_for.append(name)
    raise DaggerboardUnsupportedError(name)


def refusing(kind: str, method: str) -> Callable[..., NoReturn]:
    def call(*_args: object, **_kwargs: object) -> NoReturn:
        refuse(f"{kind}.{method}")

    call.__name__ = method
    return call


def complete(base: type[Any]) -> Callable[[AnyClass], AnyClass]:
    """Fill whatever abstract methods this dagster's base class has that we do not answer: new releases add some."""

    def decorate(cls: AnyClass) -> AnyClass:
        for method in cls.__abstractmethods__:
            setattr(cls, method, refusing(base.__name__, method))
        cls.__abstractmethods__ = frozenset()
        return cls

    return decorate
