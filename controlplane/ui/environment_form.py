"""What a person typed about a variable, and back: the form of the environment pages."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.http import QueryDict

from controlplane.deployments.models import Deployment
from controlplane.environment.drafts import Content, Draft, Scopes, value_of
from controlplane.environment.models import EnvironmentVariable, SecretStore, VariableKind
from controlplane.environment.visible import VariableRights
from tenants.errors import InvalidError

KEEP = "keep"


@dataclass(frozen=True)
class VariableForm:
    """The fields as they stand on the page. A value is never put back into it."""

    name: str = ""
    kind: str = VariableKind.VALUE
    store: str = SecretStore.AWS_SECRETS_MANAGER
    reference: str = ""
    full: bool = True
    all_branches: bool = False
    local: bool = False
    branch: str = ""
    locations: list[str] = field(default_factory=list)
    masked: bool = True

    @classmethod
    def of(cls, variable: EnvironmentVariable, rights: VariableRights) -> "VariableForm":
        """A stored variable; what it holds is kept unless something else is typed."""
        return cls(
            name=variable.name,
            kind=variable.kind if variable.kind == VariableKind.REFERENCE else KEEP,
            store=variable.store or SecretStore.AWS_SECRETS_MANAGER,
            reference=variable.reference,
            full=variable.in_full,
            all_branches=variable.in_all_branches,
            local=variable.in_local,
            branch=str(variable.branch_id or ""),
            locations=rights.locations(variable),
            masked=variable.masked,
        )

    @classmethod
    def typed(cls, post: QueryDict) -> "VariableForm":
        """What was sent, but for the value."""
        return cls(
            name=post.get("name", "").strip(),
            kind=post.get("kind", VariableKind.VALUE),
            store=post.get("store", ""),
            reference=post.get("reference", "").strip(),
            full="full" in post,
            all_branches="all_branches" in post,
            local="local" in post,
            branch=post.get("branch", ""),
            locations=post.getlist("locations"),
            masked="masked" in post,
        )

    def scopes(self) -> Scopes:
        """One branch stands alone: choosing it and another scope is an error that the service explains."""
        try:
            branch_id = UUID(self.branch) if self.branch else None
        except ValueError as error:
            raise InvalidError("There is no such branch deployment.", attr="scopes") from error
        return Scopes(self.full, self.all_branches, self.local, branch_id)

    def draft(self, value: str) -> Draft:
        """The variable that is wanted; `value` comes from the request and goes nowhere else."""
        return Draft(self.name, self.scopes(), tuple(self.locations), self._content(value), self.masked)

    def _content(self, value: str) -> Content | None:
        match self.kind:
            case VariableKind.VALUE:
                # A browser writes line ends as CRLF.
                return value_of(value.replace("\r\n", "\n"))
            case VariableKind.REFERENCE:
                if self.store not in SecretStore.values:
                    raise InvalidError("Choose where the secret is.", attr="reference")
                return Content(VariableKind.REFERENCE, store=self.store, reference=self.reference)
        return None


@dataclass(frozen=True)
class Choice:
    """A box to tick, or an entry of a list."""

    value: str
    label: str
    chosen: bool


def location_choices(known: Sequence[str], chosen: Sequence[str]) -> list[Choice]:
    """Code locations that there are, and those that were chosen and are gone."""
    return [Choice(name, name, name in chosen) for name in sorted({*known, *chosen})]


def branch_choices(branches: Sequence[Deployment], chosen: str) -> list[Choice]:
    """Branch deployments of this deployment."""
    return [Choice(str(branch.id), branch.name, str(branch.id) == chosen) for branch in branches]
