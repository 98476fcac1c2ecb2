"""A push to the default branch is deployed to the base: the newest, once, and not while nothing may change there."""

import datetime

import pytest
from django.utils import timezone

from controlplane.delivery.connections.clients import client_of
from controlplane.delivery.models import Repository
from controlplane.delivery.pull_requests import default_branch
from controlplane.deployments.freezing import freeze
from controlplane.deployments.models import CodeLocation
from tenants.models import Organization
from tenants.scoping import org_scope
from tests.delivery.following import PROJECT, follow


@pytest.fixture
def followed(cast, github):
    return follow(cast, github, deploys_default_branch=True)


def stored(followed):
    """As a worker reads it."""
    with org_scope(followed.org_id):
        return Repository.objects.for_org(followed.org_id).select_related("connection").get()


def deployed(followed):
    """The commit of what is desired in the base."""
    with org_scope(followed.org_id):
        rows = CodeLocation.objects.for_org(followed.org_id).filter(deployment_id=followed.cast.deployment.id)
        return rows.select_related("desired").get().desired.git_commit


def archives_asked(followed):
    return sum("tarball" in asked.path for asked in followed.host.asked)


def test_slower_worker_does_not_deploy_an_older_commit_over_a_newer_one(followed):
    slow = stored(followed)
    slow.deployed_sha = ""
    newer = followed.shop.push("main", {"shop/second.py": "y = 1\n"})
    followed.poll()
    assert deployed(followed) == newer

    default_branch.deploy(host=client_of(slow.connection), repository=slow)

    assert deployed(followed) == followed.repository.deployed_sha == newer


def test_head_that_was_asked_for_earlier_does_not_replace_a_later_one(followed):
    newer = followed.shop.push("main", {"shop/second.py": "y = 1\n"})
    before = timezone.now() - datetime.timedelta(seconds=5)
    followed.poll()
    default_branch.note_head(stored(followed), "0" * 40, before)
    assert followed.repository.head_sha == newer


def test_settings_that_changed_during_the_fetch_count(followed):
    slow = stored(followed)
    slow.deployed_sha = ""
    with org_scope(followed.org_id):
        Repository.objects.for_org(followed.org_id).update(deployed_sha="", deploys_default_branch=False)

    default_branch.deploy(host=client_of(slow.connection), repository=slow)

    assert followed.repository.deployed_sha == ""


@pytest.mark.parametrize("state", ["suspended", "read_only"])
def test_nothing_is_deployed_while_the_organization_is_not_active(followed, state):
    before = deployed(followed)
    newer = followed.shop.push("main", {"shop/second.py": "y = 1\n"})
    Organization.objects.filter(id=followed.org_id).update(state=state)
    followed.poll()
    assert deployed(followed) == before
    assert "was not deployed" in followed.repository.error

    Organization.objects.filter(id=followed.org_id).update(state="active")
    followed.poll()
    assert deployed(followed) == newer
    assert followed.repository.error == ""


def test_nothing_is_fetched_for_a_frozen_base(followed):
    before = deployed(followed)
    followed.shop.push("main", {"shop/second.py": "y = 1\n"})
    freeze(
        org_id=followed.org_id, deployment_id=followed.cast.deployment.id, reason="Audit.", actor=followed.cast.actor
    )
    asked = archives_asked(followed)
    followed.poll()
    assert (deployed(followed), archives_asked(followed)) == (before, asked)
    assert "frozen" in followed.repository.error


def test_commit_that_is_wrong_itself_is_not_fetched_again_and_its_error_stays(followed):
    followed.shop.push("main", {"dagster_cloud.yaml": "locations: {nonsense\n"})
    followed.poll()
    error, asked = followed.repository.error, archives_asked(followed)
    assert "was not deployed" in error

    followed.poll()
    followed.poll()
    assert (followed.repository.error, archives_asked(followed)) == (error, asked)

    fixed = followed.shop.push("main", {"dagster_cloud.yaml": PROJECT["dagster_cloud.yaml"], "shop/x.py": "x = 1\n"})
    followed.poll()
    assert deployed(followed) == fixed
    assert followed.repository.error == ""
