"""What the parts of a configuration have in common: each is a mapping of units, which are compared and changed one by one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from controlplane.core.lined_yaml import Place
from controlplane.delivery.project.lined import Strict
from controlplane.deployments.models import Deployment
from controlplane.deployments.visibility import Visible
from tenants.access import Access, Actor


class Action(StrEnum):
    """What happens to a unit."""

    ADD = "add"
    CHANGE = "change"
    REMOVE = "remove"


@dataclass(frozen=True)
class Change:
    """One difference: `unit` is empty where a part is one thing. `before` and `after` are as in the document; None is nothing."""

    part: str
    unit: str
    before: Any
    after: Any

    @property
    def action(self) -> Action:
        if self.before is None:
            return Action.ADD
        return Action.REMOVE if self.after is None else Action.CHANGE


@dataclass(frozen=True)
class Context:
    """Which deployment, and who asks."""

    access: Access
    deployment: Deployment
    visible: Visible

    @property
    def org_id(self) -> UUID:
        return self.access.org.id

    @property
    def actor(self) -> Actor:
        return self.access.actor


@dataclass
class Wanted:
    """What a document says of a part: its units, and what cannot be done from a document, in words."""

    units: dict[str, Any]
    warnings: list[str] = field(default_factory=list)


class Part:
    """One key of the document."""

    key: ClassVar[str]
    # Whether units that the document leaves out are removed when that is asked for.
    prunes: ClassVar[bool] = False

    def __init__(self, context: Context) -> None:
        self.context = context

    def current(self) -> dict[str, Any]:
        """The units as they are, within the rights of whoever asks; call it inside org_scope."""
        raise NotImplementedError

    def written(self, units: Mapping[str, Any]) -> Any:
        """The units as the document has them."""
        return dict(sorted(units.items()))

    def read(self, strict: Strict, value: Any, place: Place) -> Wanted:
        """What the document says; what is wrong is noted in `strict`."""
        raise NotImplementedError

    def require(self, change: Change) -> None:
        """ForbiddenError when whoever asks may not make this change."""
        raise NotImplementedError

    def apply(self, change: Change) -> None:
        """Make the change, with its row in the audit log; call it inside org_scope."""
        raise NotImplementedError
