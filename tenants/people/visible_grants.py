"""Which grants somebody may know of. What is hidden from a person is not told by the grants of others, nor by their own denials."""

from dataclasses import dataclass, replace
from functools import cached_property
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils import timezone

from tenants.access import Access
from tenants.grants import NOTHING, Holding, permissions_of, role_name
from tenants.models import Effect, Grant, GrantScope
from tenants.people.authority import has_authority, held_in_organization, rights_over
from tenants.people.grants import Holder, HolderKind
from tenants.people.places import NamedPlace, places
from tenants.people.wording import grant_words, scope_words, target_words
from tenants.permissions import Permission

_WIDE = (GrantScope.ORGANIZATION, GrantScope.ALL_BRANCHES)


@dataclass(frozen=True)
class NamedHolder:
    """Who holds a grant."""

    kind: HolderKind
    id: UUID
    name: str


@dataclass(frozen=True)
class GrantView:
    """A grant as the caller may see it. `target_value` is empty where it could name what is hidden from them."""

    row: Grant
    deployment: str | None
    target_value: str
    may_revoke: bool

    @property
    def holder(self) -> NamedHolder:
        row = self.row
        holder = Holder.of(row)
        if row.user is not None:
            return NamedHolder(holder.kind, holder.id, row.user.email)
        named = row.team or row.service_account
        return NamedHolder(holder.kind, holder.id, named.name if named else "")

    @property
    def role(self) -> str:
        return role_name(self.row)

    @property
    def is_expired(self) -> bool:
        return self.row.expires_at is not None and self.row.expires_at <= timezone.now()

    @property
    def where(self) -> str:
        return scope_words(self.row.scope, self.deployment)

    @property
    def on(self) -> str:
        return target_words(self.row.target, self.target_value or "…")

    @property
    def words(self) -> str:
        """The whole grant: `Editor in prod on code location etl`."""
        return grant_words(
            role=self.role,
            scope=self.row.scope,
            deployment=self.deployment,
            target=self.row.target,
            value=self.target_value or "…",
        )


class GrantViewer:
    """One caller's view of an organization's grants; use it inside org_scope, for one request."""

    def __init__(self, access: Access) -> None:
        self._access = access

    @cached_property
    def places(self) -> list[NamedPlace]:
        """The deployments that the caller may know of, by name."""
        found = places(self._access.org.id).values()
        return [named for named in found if self._sees_all or self._access.may_enter(named.place)]

    @cached_property
    def _sees_all(self) -> bool:
        return self._access.allows(Permission.MEMBER_WRITE)

    def rows(self) -> QuerySet[Grant]:
        """Grants that the caller may know of, with what they name."""
        rows = Grant.objects.for_org(self._access.org.id).select_related(
            "custom_role", "user", "team", "service_account"
        )
        if self._sees_all:
            return rows
        mine = [named.place.id for named in self.places if self._administers(GrantScope.DEPLOYMENT, named)]
        parents = [named.place.id for named in self.places if self._administers(GrantScope.BRANCHES_OF, named)]
        denials = Q(scope=GrantScope.DEPLOYMENT, deployment_id__in=mine) | Q(
            scope=GrantScope.BRANCHES_OF, deployment_id__in=parents
        )
        if self._administers(GrantScope.ALL_BRANCHES, None):
            denials |= Q(scope=GrantScope.ALL_BRANCHES)
        known = Q(scope__in=_WIDE) | Q(deployment_id__in=[named.place.id for named in self.places])
        return rows.filter(known & (Q(effect=Effect.ALLOW) | denials))

    def view(self, row: Grant) -> GrantView:
        """One of `rows` as the caller sees it."""
        named = self._by_id.get(row.deployment_id) if row.deployment_id else None
        scope, place = GrantScope(row.scope), named.place if named else None
        return GrantView(
            row=row,
            deployment=named.name if named else None,
            target_value=row.target_value if self._sees_everything_in(scope, named) else "",
            may_revoke=has_authority(self._access, permissions=permissions_of(row), scope=scope, place=place),
        )

    def may_administer(self, named: NamedPlace | None) -> bool:
        """Whether the caller may look into what others hold in a deployment, or over the organization for None."""
        return self._sees_all or (named is not None and self._administers(GrantScope.DEPLOYMENT, named))

    def masked(self, held: Holding) -> Holding:
        """A holding with nothing in it that the caller may not know."""
        named = self._by_id.get(held.deployment_id) if held.deployment_id else None
        if held.target is None or self._sees_everything_in(held.scope, named):
            return held
        return replace(held, target=replace(held.target, value=""))

    def deployment_name(self, held: Holding) -> str | None:
        """The name of the deployment that a holding's scope names."""
        named = self._by_id.get(held.deployment_id) if held.deployment_id else None
        return named.name if named else None

    @cached_property
    def _by_id(self) -> dict[object, NamedPlace]:
        return {named.place.id: named for named in self.places}

    def _administers(self, scope: GrantScope, named: NamedPlace | None) -> bool:
        return has_authority(
            self._access, permissions=NOTHING, scope=scope, place=named.place if named is not None else None
        )

    def _sees_everything_in(self, scope: GrantScope, named: NamedPlace | None) -> bool:
        if self._sees_all:
            return True
        if scope == GrantScope.ORGANIZATION:
            denied = any(held.effect == Effect.DENY for held in self._access.holdings.grants)
            return not denied and Permission.ASSET_READ in held_in_organization(self._access)
        rights = rights_over(self._access, scope, named.place if named else None)
        return Permission.ASSET_READ in rights.everywhere and not rights.hidden
