"""What somebody wants a variable to be, before it is checked and stored."""

from dataclasses import dataclass, field
from uuid import UUID

from controlplane.environment.models import EnvironmentVariable, VariableKind


@dataclass(frozen=True)
class Scopes:
    """Where a variable holds: one branch deployment alone, or any of the other three."""

    full: bool = False
    all_branches: bool = False
    local: bool = False
    branch_id: UUID | None = None

    @classmethod
    def of(cls, variable: EnvironmentVariable) -> "Scopes":
        return cls(variable.in_full, variable.in_all_branches, variable.in_local, variable.branch_id)


@dataclass(frozen=True)
class Content:
    """A value, a reference, or boxes that only agents can open."""

    kind: VariableKind
    value: str = field(default="", repr=False)
    store: str = ""
    reference: str = ""
    boxes: dict[str, str] = field(default_factory=dict, repr=False)


def value_of(text: str) -> Content:
    """A plain value, sealed by us."""
    return Content(VariableKind.VALUE, value=text)


@dataclass(frozen=True)
class Draft:
    """A whole variable. Without content, a change keeps what is there."""

    name: str
    scopes: Scopes
    locations: tuple[str, ...] = ()
    content: Content | None = None
    masked: bool = True
