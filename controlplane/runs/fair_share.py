"""For whom a run runs: runs of one priority start in turn among these, so that nobody's hundred runs keep another's one waiting.

The owner of what it makes, where the code names one (`team:data`); else the team of whoever launched it; else whoever launched it.
"""

from collections import Counter
from collections.abc import Iterable
from uuid import UUID

from controlplane.definitions.manifest import Asset
from tenants.access import Actor, ActorKind
from tenants.models import TeamMembership

_SHARE_MAX = 254


def share_of(org_id: UUID, touched: Iterable[Asset], actor: Actor) -> str:
    """The owner that most of the assets have, the first by name among several. Call it inside org_scope."""
    owners = Counter(owner for asset in touched for owner in asset.owners[:1])
    if owners:
        return min(owners, key=lambda owner: (-owners[owner], owner))[:_SHARE_MAX]
    return (_team(org_id, actor) or actor.label)[:_SHARE_MAX]


def _team(org_id: UUID, actor: Actor) -> str:
    """Of several teams, the one that is oldest."""
    if actor.kind != ActorKind.USER or actor.id is None:
        return ""
    teams = TeamMembership.objects.for_org(org_id).filter(user_id=actor.id)
    name = teams.order_by("team_id").values_list("team__name", flat=True).first()
    return f"team:{name}" if name else ""
