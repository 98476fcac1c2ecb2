"""A branch deployment belongs to one repository: another one of the same name does not take it over."""

import pytest

from controlplane.delivery.models import Repository
from controlplane.deployments.models import BranchDeployment
from tenants.errors import ConflictError
from tenants.ids import uuid7
from tenants.scoping import org_scope
from tests.delivery.branches_of import make_branch
from tests.delivery.following import follow


@pytest.fixture
def taken(cast, github):
    """A pull request whose name and number belong to a repository that is connected too."""
    followed = follow(cast, github)
    other = github.add_repository("acme/other", {"README.md": ""})
    row = followed.repository
    row.pk, row.external_id, row.full_name, row.mode = uuid7(), str(other.id), "acme/other", "off"
    with org_scope(cast.org_id):
        row.save(force_insert=True)
    branch = make_branch(cast, number=1)
    with org_scope(cast.org_id):
        rows = BranchDeployment.objects.for_org(cast.org_id).filter(deployment_id=branch.deployment_id)
        rows.update(repository_id=row.id)
    return followed, row


def owner(followed):
    with org_scope(followed.org_id):
        return BranchDeployment.objects.for_org(followed.org_id).get().repository_id


def test_pull_request_of_another_repository_does_not_take_it_over(taken):
    followed, other = taken
    followed.open()
    followed.settle()
    assert owner(followed) == other.id
    assert followed.pull().deployment_id is None
    assert "belongs to another repository" in followed.pull().report_error


def test_ci_of_another_repository_does_not_take_it_over(cast, taken):
    with pytest.raises(ConflictError, match="belongs to another repository"):
        make_branch(cast, number=1)


def test_repository_that_is_connected_anew_keeps_its_branches(taken):
    followed, other = taken
    with org_scope(followed.org_id):
        Repository.objects.for_org(followed.org_id).filter(id=other.id).delete()
    followed.open()
    followed.settle()
    assert owner(followed) == followed.repository.id
