"""The form of a token: what it offers, and what was filled in, as the terms of a token."""

import datetime
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.http import QueryDict
from django.utils import timezone

from tenants.access import Access
from tenants.errors import InvalidError
from tenants.grants import holdings_of_service_account
from tenants.models import ApiToken, ServiceAccount, TokenKind
from tenants.people.places import NamedPlace, places
from tenants.permissions import OF_MEMBERS, TOKEN_SCOPES
from tenants.reach import Reach
from tenants.token_rules import Terms, held_anywhere

# How long a token lives; days, empty for good.
LIVES = (("30", "30 days"), ("90", "90 days"), ("365", "one year"), ("", "does not expire"))
KEEP = "keep"
_LONGEST_DAYS = 3650


@dataclass(frozen=True)
class TokenForm:
    """What the form shows: the values so far, and what can be chosen."""

    kind: TokenKind
    name: str = ""
    life: str = "90"
    limited: bool = False
    scopes: frozenset[str] = frozenset()
    scope_choices: list[str] = field(default_factory=list)
    networks: str = ""
    reach: Reach = field(default_factory=Reach)
    places: list[NamedPlace] = field(default_factory=list)
    error: str = ""
    attr: str = ""

    @property
    def lives(self) -> tuple[tuple[str, str], ...]:
        return ((KEEP, "as it is"), *LIVES) if self.life == KEEP else LIVES

    @property
    def full_places(self) -> list[NamedPlace]:
        return [found for found in self.places if not found.place.is_branch]

    @property
    def queues(self) -> str:
        return ", ".join(sorted(self.reach.queues or ()))

    @property
    def code_locations(self) -> str:
        return ", ".join(sorted(self.reach.code_locations or ()))


def empty_form(access: Access, kind: TokenKind, account: ServiceAccount | None = None) -> TokenForm:
    """The form of a new token; call it inside org_scope."""
    return TokenForm(kind=kind, scope_choices=_choices(access, kind, account), places=_places(access, kind))


def form_of(access: Access, token: ApiToken) -> TokenForm:
    """The form of a token that there is; call it inside org_scope."""
    kind = TokenKind(token.kind)
    return TokenForm(
        kind=kind,
        name=token.name,
        life=KEEP,
        limited=token.scopes is not None,
        scopes=frozenset(token.scopes or ()),
        scope_choices=sorted({*_choices(access, kind, token.service_account), *(token.scopes or ())}),
        networks="\n".join(token.allowed_networks),
        reach=Reach.parse(token.reach),
        places=_places(access, kind),
    )


def terms_of_form(form: QueryDict) -> Terms:
    """What was filled in; InvalidError for what no field offers. A life that is kept is for `changes_of_form`."""
    return Terms(
        scopes=form.getlist("scope") if form.get("limited") else None,
        expires_at=_expiry(form.get("life", "")),
        allowed_networks=[line for line in form.get("networks", "").replace(",", "\n").splitlines() if line.strip()],
    )


def changes_of_form(form: QueryDict, kind: TokenKind) -> dict[str, Any]:
    """What was filled in for a token that there is, as token_actions.change_token takes it."""
    terms = terms_of_form(form)
    changes: dict[str, Any] = {"name": form.get("name", ""), "allowed_networks": terms.allowed_networks}
    if form.get("life") != KEEP:
        changes["expires_at"] = terms.expires_at
    if kind in {TokenKind.USER, TokenKind.SERVICE}:
        changes["scopes"] = terms.scopes
    if kind == TokenKind.AGENT:
        changes["reach"] = reach_of_form(form)
    return changes


def reach_of_form(form: QueryDict) -> Reach:
    """The reach that was filled in. Empty lists of queues and code locations limit nothing."""
    return Reach(
        deployments=_ids(form.getlist("deployment")),
        branches_of=_ids(form.getlist("branches_of")),
        all_branches="all_branches" in form,
        all_deployments="all_deployments" in form,
        forks="forks" in form,
        queues=_names(form.get("queues", "")),
        code_locations=_names(form.get("code_locations", "")),
        bootstrap_only="bootstrap_only" in form,
    )


def _choices(access: Access, kind: TokenKind, account: ServiceAccount | None) -> list[str]:
    """Scopes that the holder has, and so a token can."""
    if kind == TokenKind.USER:
        held = held_anywhere(access.holdings, access.permissions) & access.limit
    elif account is not None:
        held = held_anywhere(holdings_of_service_account(access.org.id, account.id), OF_MEMBERS)
    else:
        return []
    return sorted(str(permission) for permission in held & TOKEN_SCOPES[kind])


def _places(access: Access, kind: TokenKind) -> list[NamedPlace]:
    return list(places(access.org.id).values()) if kind == TokenKind.AGENT else []


def _expiry(days: str) -> datetime.datetime | None:
    if days in {"", KEEP}:
        return None
    if not days.isascii() or not days.isdigit() or not 1 <= int(days) <= _LONGEST_DAYS:
        raise InvalidError("Choose how long the token lives.", attr="life")
    return timezone.now() + datetime.timedelta(days=int(days))


def _ids(texts: list[str]) -> frozenset[UUID]:
    try:
        return frozenset(UUID(text) for text in texts)
    except ValueError as error:
        raise InvalidError("Choose deployments from the list.", attr="reach") from error


def _names(text: str) -> frozenset[str] | None:
    names = frozenset(name.strip() for name in text.replace("\n", ",").split(",") if name.strip())
    # The check of names is Reach's own.
    return Reach.parse({"queues": sorted(names)}).queues if names else None
