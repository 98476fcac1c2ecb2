"""What surrounds every page of a deployment: the switcher, the rail, the person."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from controlplane.deployments.branches import branch_of
from controlplane.deployments.models import Deployment, DeploymentKind
from controlplane.ui.branch_words import BranchLine
from controlplane.ui.links import Links
from tenants.access import Access, Org, Principal, organizations_of
from tenants.permissions import Permission


@dataclass(frozen=True)
class NavItem:
    """One entry of the rail."""

    label: str
    url: str
    current: bool
    heading: str = ""


@dataclass(frozen=True)
class SwitchItem:
    """One entry of the switcher."""

    name: str
    url: str
    current: bool


@dataclass(frozen=True)
class SwitchGroup:
    """Entries of one kind; `more` leads to all of them where these are only some, and counts the rest."""

    label: str
    items: list[SwitchItem]
    more: int = 0


@dataclass(frozen=True)
class Shell:
    """The frame of a page."""

    org: Org
    deployment: Deployment
    person: str
    nav: list[NavItem]
    deployment_groups: list[SwitchGroup]
    organizations: list[SwitchItem]
    # Whose branch it is and how it stands, on the pages of a branch deployment.
    branch: BranchLine | None = None


# More branch deployments than this are no menu; the newest of them are in it, and the current one.
_BRANCHES = 8
# Label, page, right, and the heading above it.
_RAIL = (
    ("Overview", "overview", Permission.DEPLOYMENT_READ, ""),
    ("Assets", "assets", Permission.ASSET_READ, ""),
    ("Lineage", "lineage", Permission.ASSET_READ, ""),
    ("Checks", "checks", Permission.ASSET_READ, ""),
    ("Runs", "runs", Permission.RUN_READ, ""),
    ("Timeline", "timeline", Permission.RUN_READ, ""),
    ("Backfills", "backfills", Permission.RUN_READ, ""),
    ("Queue", "queue", Permission.RUN_READ, ""),
    ("Pools", "pools", Permission.RUN_READ, ""),
    ("Jobs", "jobs", Permission.JOB_READ, ""),
    ("Automation", "automation", Permission.JOB_READ, ""),
    ("Branches", "branches", Permission.ORGANIZATION_READ, ""),
    ("Code locations", "locations", Permission.LOCATION_READ, "Deployment"),
    ("Environment", "environment", Permission.ENVIRONMENT_READ, ""),
    ("Agents", "agents", Permission.AGENT_READ, ""),
    ("Settings", "deployment-settings", Permission.DEPLOYMENT_WRITE, ""),
)


def shell(
    *, principal: Principal, access: Access, deployment: Deployment, deployments: list[Deployment], section: str
) -> Shell:
    """The frame of a page in `section`, one of the names of the rail."""
    links = Links(org=access.org.slug, deployment=deployment.name)
    organizations = [
        SwitchItem(name=org.name, url=f"/{org.slug}", current=org.id == access.org.id)
        for org in organizations_of(principal)
    ]
    return Shell(
        org=access.org,
        deployment=deployment,
        person=access.actor.label,
        nav=rail(_RAIL, access, section=section, address=lambda name: _address(links, name)),
        deployment_groups=_groups(access.org, deployment, deployments),
        organizations=organizations,
        branch=_branch(access, deployment, deployments),
    )


def _address(links: Links, name: str) -> str:
    """Branches are listed for the whole organization; the other pages of the rail are the deployment's."""
    return reverse("pages:branches", args=[links.org]) if name == "branches" else links.page(name)


def rail(
    entries: Iterable[tuple[str, str, Permission, str]], access: Access, *, section: str, address: Callable[[str], str]
) -> list[NavItem]:
    """The entries (label, page, right, heading) that the caller may open; `address` knows where a page is."""
    return [
        NavItem(label=label, url=address(name), current=name == section, heading=heading)
        for label, name, permission, heading in entries
        if access.allows(permission)
    ]


def _groups(org: Org, current: Deployment, deployments: list[Deployment]) -> list[SwitchGroup]:
    full = [one for one in deployments if one.kind == DeploymentKind.FULL]
    branches = [one for one in deployments if one.kind == DeploymentKind.BRANCH]
    newest = sorted(branches, key=lambda one: (one.id == current.id, one.created_at), reverse=True)[:_BRANCHES]
    groups = [
        SwitchGroup(label="Deployments", items=[_item(org, current, one) for one in full]),
        SwitchGroup(
            label="Branch deployments",
            items=[_item(org, current, one) for one in sorted(newest, key=lambda one: one.name)],
            more=len(branches) - len(newest),
        ),
    ]
    return [group for group in groups if group.items]


def _branch(access: Access, deployment: Deployment, deployments: list[Deployment]) -> BranchLine | None:
    if deployment.kind != DeploymentKind.BRANCH:
        return None
    base = next((one.name for one in deployments if one.id == deployment.parent_id), "")
    return BranchLine(branch_of(access.org.id, deployment.id), base)


def _item(org: Org, current: Deployment, deployment: Deployment) -> SwitchItem:
    address = Links(org=org.slug, deployment=deployment.name).page("overview")
    return SwitchItem(name=deployment.name, url=address, current=deployment.id == current.id)


def page_context(shell: Shell, access: Access) -> dict[str, Any]:
    """What every template of a deployment's page finds: the frame, addresses and rights (`may.run_launch`)."""
    return {
        "shell": shell,
        "links": Links(org=shell.org.slug, deployment=shell.deployment.name),
        "may": {permission.name.lower(): access.allows(permission) for permission in Permission},
    }
