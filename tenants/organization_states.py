"""What each state of an organization allows, and which state may follow which. Reads and writes nothing.

active: everything. read_only: everything can be looked at, nothing changed or launched; runs that are under way report. suspended and
pending_deletion: Organization Admins reach the settings, nobody else anything; agents get no work, runs under way report.
"""

import datetime
from typing import Protocol

from tenants.errors import (
    ConflictError,
    ForbiddenError,
    OrganizationPendingDeletionError,
    OrganizationReadOnlyError,
    OrganizationSuspendedError,
)
from tenants.models import OrganizationState

_S = OrganizationState

# Whoever administers the organization.
OWN_MOVES: frozenset[tuple[OrganizationState, OrganizationState]] = frozenset(
    {(_S.ACTIVE, _S.READ_ONLY), (_S.READ_ONLY, _S.ACTIVE)}
)
CLOSED = frozenset({_S.SUSPENDED, _S.PENDING_DELETION})


class InState(Protocol):
    """An organization as far as its state goes."""

    @property
    def slug(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def state(self) -> OrganizationState: ...
    @property
    def state_reason(self) -> str: ...
    @property
    def delete_after(self) -> datetime.datetime | None: ...


def check_open(org: InState) -> None:
    """OrganizationSuspendedError, or its kind for a coming deletion, with the way out in words."""
    if org.state == _S.SUSPENDED:
        raise OrganizationSuspendedError(f"{org.name} is suspended{_because(org)}. {_who_gets_in(org)}")
    if org.state == _S.PENDING_DELETION:
        raise OrganizationPendingDeletionError(
            f"{org.name} will be deleted{_when(org)}{_because(org)}. {_who_gets_in(org)} They can still undo it."
        )


def check_writable(org: InState) -> None:
    """Nothing changes while the organization is not active: the error of its state."""
    check_open(org)
    if org.state == _S.READ_ONLY:
        raise OrganizationReadOnlyError(
            f"{org.name} is read-only{_because(org)}: nothing can be changed or launched. "
            f"An Organization Admin can end that in its settings (/{org.slug}/settings/)."
        )


def check_own_move(old: OrganizationState, new: OrganizationState) -> None:
    """Whether an Organization Admin may move the organization so; a deletion has functions of its own."""
    if new == _S.PENDING_DELETION:
        raise ConflictError("A deletion is asked for with its own request, which names the organization.", attr="state")
    if old == _S.PENDING_DELETION:
        raise ConflictError("The organization is going to be deleted. Undo the deletion first.", attr="state")
    if (old, new) not in OWN_MOVES:
        raise ForbiddenError("Only whoever runs this installation can suspend an organization, or end that.")


def _because(org: InState) -> str:
    return f" ({org.state_reason})" if org.state_reason else ""


def _when(org: InState) -> str:
    return f" on {org.delete_after:%Y-%m-%d at %H:%M} UTC" if org.delete_after else ""


def _who_gets_in(org: InState) -> str:
    return f"Only its Organization Admins get in, and only to its settings (/{org.slug}/settings/)."
