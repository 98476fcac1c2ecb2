"""A deployment with a history: versions that loaded and one that did not, rules, a promotion that goes on and one that was taken back."""

import msgspec
from django.utils import timezone

from agent.protocol import ErrorInfo, LocationReport, LocationState
from controlplane.delivery.promotions.services import go_on, promote, roll_back
from controlplane.deployments import protecting
from controlplane.deployments.git_facts import GitFacts
from controlplane.deployments.loading import record_load
from controlplane.deployments.models import LocationVersion, Promotion
from controlplane.deployments.services import create_deployment
from tenants.scoping import org_scope
from tests.cast import Cast, make_cast
from tests.factories import asset, deploy, load, make_agent, make_location, make_manifest
from tests.runs.scripts import Stage

_GIT = {
    "git_commit": "4f2a9c1d77e0b6a14f2a9c1d77e0b6a14f2a9c1d",
    "git_url": "https://github.com/acme/shop",
    "git": GitFacts(branch="main", message="Orders by week", author_name="Ada", author_email="ada@acme.example"),
}


def make_delivery() -> Stage:
    cast = make_cast("delivery")
    agent = make_agent(cast, "office-server")
    raw, clean = asset("raw"), asset("clean", "raw")
    make_location(
        cast,
        "shop",
        manifest=make_manifest([raw, clean], location="shop"),
        agents=[agent],
        deployed={**_GIT, "image": "shop:1"},
    )
    second = deploy(cast, "shop", **_GIT, image="registry.example.com/acme/shop:4f2a9c1")
    weekly = msgspec.structs.replace(clean, code_version="2")
    load(cast, second, make_manifest([raw, weekly, asset("by_week")], location="shop"), [agent])
    _phases(cast, second, queued=0.8, pulled=2.1, built=9.4, started=0.6, loaded=1.9)
    create_deployment(org_id=cast.org_id, name="staging", actor=cast.actor, description="As prod, a day earlier")
    staging = cast.at("staging")
    make_location(staging, "shop", manifest=make_manifest([raw, clean], location="shop"), deployed={"image": "shop:3"})
    make_location(staging, "docs", deployed={"image": "docs:1"})
    first = promote(
        org_id=cast.org_id, source=staging.deployment, target=cast.deployment, locations=["docs"], actor=cast.actor
    )
    go_on(org_id=cast.org_id, promotion_id=first.id)
    roll_back(org_id=cast.org_id, promotion_id=first.id, actor=cast.actor)
    go_on(org_id=cast.org_id, promotion_id=first.id)
    _protect(cast)
    third = deploy(cast, "shop", **_GIT, image="registry.example.com/acme/shop:9b1c2d3")
    error = ErrorInfo(cls="ModuleNotFoundError", message="No module named 'pandas'")
    report = LocationReport(
        agent_id=str(agent.id), version_id=str(third.id), state=LocationState.FAILED, load_seconds=1.2, error=error
    )
    record_load(org_id=cast.org_id, version_id=third.id, report=report, loaded_elsewhere=False)
    _phases(cast, third, queued=0.5, pulled=1.1, started=1.2)
    return Stage(cast, agent)


def promotion_of(cast: Cast) -> str:
    """One that goes on, from staging into prod."""
    with org_scope(cast.org_id):
        going = Promotion.objects.for_org(cast.org_id).filter(ended_at=None).first()
    if going is None:
        staging = cast.at("staging")
        going = promote(
            org_id=cast.org_id, source=staging.deployment, target=cast.deployment, locations=["docs"], actor=cast.actor
        )
        go_on(org_id=cast.org_id, promotion_id=going.id)
    return str(going.id)


def _protect(cast: Cast) -> None:
    document = {
        "deployers": {"people": [cast.owner.email]},
        "freeze_windows": [
            {
                "from": "2099-12-24T16:00",
                "until": "2100-01-02T08:00",
                "time_zone": "Europe/Berlin",
                "reason": "Holidays",
            },
        ],
        "checks": {"smoke_job": {"location": "shop", "job": "nightly"}, "rollback": "automatic"},
    }
    protecting.set_protection(org_id=cast.org_id, deployment_id=cast.deployment.id, document=document, actor=cast.actor)


def _phases(cast: Cast, version: LocationVersion, **seconds: float) -> None:
    """As an agent reported them, some time ago."""
    with org_scope(cast.org_id):
        rows = LocationVersion.objects.for_org(cast.org_id).filter(id=version.id)
        rows.update(phases=seconds, created_at=timezone.now())
