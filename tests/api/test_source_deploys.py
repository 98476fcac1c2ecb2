"""Source archives and deploying several code locations, over REST: who may, what is refused, what is told to whom."""

import gzip
import hashlib
from typing import Any

import pytest
from django.test import override_settings

from controlplane.deployments import source_archives
from tenants.models import Role, TargetKind, TokenKind
from tenants.scoping import org_scope
from tenants.token_services import issue_token
from tests.callers import Caller, bearer, new_tenant
from tests.cast import make_member
from tests.tenants.people import deny, person

ARCHIVE = gzip.compress(b"shop", mtime=0)
SHA256 = hashlib.sha256(ARCHIVE).hexdigest()


@pytest.fixture
def alice() -> Caller:
    return new_tenant()


def put(alice: Caller, content: bytes, sha256: str = SHA256, client: Any = None) -> Any:
    path = f"{alice.path}source-archives/{sha256}/"
    return (client or alice.api).generic("PUT", path, content, content_type="application/gzip")


def missing(alice: Caller, *sha256s: str) -> list[str]:
    found: list[str] = alice.api.post(f"{alice.path}source-archives/missing/", {"sha256s": sha256s}).json()["missing"]
    return found


def deploy(alice: Caller, *locations: dict[str, Any], client: Any = None, **more: Any) -> Any:
    return (client or alice.api).post(f"{alice.prod}deploy/", {"locations": locations, **more})


def detail(answer: Any) -> str:
    return str(answer.json()["errors"][0]["detail"])


def token_of(alice: Caller, role: Role | None) -> Any:
    user = make_member(alice.cast.org, f"{role}@{alice.cast.org.slug}.example", role)
    return bearer(issue_token(org_id=alice.org_id, kind=TokenKind.USER, name="x", user=user).text)


def test_archive_is_missing_until_it_is_there(alice: Caller) -> None:
    assert missing(alice, SHA256, "1" * 64) == [SHA256, "1" * 64]
    assert [put(alice, ARCHIVE).status_code, put(alice, ARCHIVE).status_code] == [204, 204]
    assert missing(alice, SHA256) == []
    assert source_archives.content(alice.org_id, SHA256) == ARCHIVE


@pytest.mark.parametrize(
    ("content", "sha256", "text"),
    [
        (ARCHIVE, "1" * 64, "does not have the sha256"),
        (ARCHIVE, "nonsense", "64 lower-case hexadecimal digits"),
        (ARCHIVE, SHA256.upper(), "64 lower-case hexadecimal digits"),
        (b"PK\x03\x04", hashlib.sha256(b"PK\x03\x04").hexdigest(), "gzipped tar"),
        (b"", hashlib.sha256(b"").hexdigest(), "gzipped tar"),
    ],
)
def test_what_is_not_as_it_says_is_refused(alice: Caller, content: bytes, sha256: str, text: str) -> None:
    answer = put(alice, content, sha256)

    assert answer.status_code == 400
    assert text in detail(answer)


def test_too_large_an_archive_is_refused_with_what_to_do(alice: Caller) -> None:
    with override_settings(MAX_SOURCE_BYTES=len(ARCHIVE) - 1):
        answer = put(alice, ARCHIVE)

    assert answer.status_code == 413
    assert ".gitignore" in detail(answer)
    assert missing(alice, SHA256) == [SHA256]


@pytest.mark.parametrize(("role", "status"), [(Role.VIEWER, 403), (None, 403), (Role.EDITOR, 204)])
def test_who_may_deploy_nowhere_may_not_upload(alice: Caller, role: Role | None, status: int) -> None:
    assert put(alice, ARCHIVE, client=token_of(alice, role)).status_code == status


def test_archive_is_told_only_to_those_who_may_deploy_what_is_made_of_it(alice: Caller) -> None:
    """Whoever knows the hash can deploy the archive somewhere, and so read it."""
    put(alice, ARCHIVE)
    deploy(alice, {"name": "shop", "source_sha256": SHA256})
    viewer = token_of(alice, Role.VIEWER)
    paths = [f"{alice.prod}code-locations/", f"{alice.prod}code-locations/shop/versions/"]

    assert [SHA256 in alice.api.get(path).content.decode() for path in paths] == [True, True]
    assert [SHA256 in viewer.get(path).content.decode() for path in paths] == [False, False]


def test_locations_are_deployed_together(alice: Caller) -> None:
    put(alice, ARCHIVE)
    shop = {"name": "shop", "source_sha256": SHA256, "target": {"working_directory": "shop"}}
    answer = deploy(alice, shop, {"name": "bank", "image": "bank:1"}, sha="abc")

    assert answer.status_code == 200
    assert [(v["number"], v["source_sha256"], v["image"]) for v in answer.json()] == [
        (1, SHA256, ""),
        (1, "", "bank:1"),
    ]
    # The same archive is the same code; a tag of an image can have moved.
    assert [v["number"] for v in deploy(alice, shop, {"name": "bank", "image": "bank:1"}).json()] == [1, 2]


def test_nothing_is_deployed_when_one_of_them_cannot_be(alice: Caller) -> None:
    answer = deploy(alice, {"name": "bank", "image": "bank:1"}, {"name": "shop", "source_sha256": SHA256})

    assert answer.status_code == 404
    assert "Upload it before it is deployed" in detail(answer)
    assert alice.api.get(f"{alice.prod}code-locations/").json()["results"] == []


def test_sync_deletes_what_is_not_named(alice: Caller) -> None:
    deploy(alice, {"name": "old"}, {"name": "kept"})
    deploy(alice, {"name": "kept"}, sync=True)

    assert [one["name"] for one in alice.api.get(f"{alice.prod}code-locations/").json()["results"]] == ["kept"]


def test_sync_by_somebody_who_may_not_know_of_all_deletes_nothing(alice: Caller) -> None:
    deploy(alice, {"name": "payroll"}, {"name": "kept"})
    walled = person(alice.cast, Role.EDITOR)
    deny(alice.cast, walled, target=TargetKind.LOCATION, target_value="payroll")
    client = bearer(issue_token(org_id=alice.org_id, kind=TokenKind.USER, name="x", user=walled).text)

    answer = deploy(alice, {"name": "kept"}, client=client, sync=True)

    assert (answer.status_code, "payroll" in detail(answer)) == (403, False)
    found = alice.api.get(f"{alice.prod}code-locations/").json()["results"]
    assert [one["name"] for one in found] == ["kept", "payroll"]


REFUSED = {
    "archive and image": {"source_sha256": SHA256, "image": "x:1"},
    "absolute folder": {"source_sha256": SHA256, "target": {"working_directory": "/etc"}},
    "folder outside": {"source_sha256": SHA256, "target": {"working_directory": "a/../../b"}},
    "absolute Python": {"source_sha256": SHA256, "target": {"executable_path": "/usr/bin/python3"}},
    "file outside": {"source_sha256": SHA256, "target": {"python_file": "../defs.py"}},
}


@pytest.mark.parametrize("name", REFUSED)
def test_target_that_leads_out_of_its_archive_is_refused(alice: Caller, name: str) -> None:
    put(alice, ARCHIVE)
    one = alice.api.put(f"{alice.prod}code-locations/shop/", REFUSED[name])
    several = deploy(alice, {"name": "shop", **REFUSED[name]})

    assert (one.status_code, several.status_code) == (400, 400)


def test_rights_on_a_part_deploy_that_part(alice: Caller) -> None:
    deploy(alice, {"name": "shop"}, {"name": "bank"})
    user = make_member(alice.cast.org, f"part@{alice.cast.org.slug}.example")
    grant = {"user": str(user.pk), "scope": "deployment", "deployment": "prod", "role": "editor"}
    given = alice.api.post(f"{alice.path}grants/", {**grant, "target": "code_location", "target_value": "shop"})
    assert given.status_code == 201, given.content
    part = bearer(issue_token(org_id=alice.org_id, kind=TokenKind.USER, name="x", user=user).text)

    assert put(alice, ARCHIVE, client=part).status_code == 204
    assert deploy(alice, {"name": "shop", "source_sha256": SHA256}, client=part).status_code == 200
    # What they may not know of is not found; what they may not do everywhere is refused.
    assert deploy(alice, {"name": "shop"}, {"name": "bank"}, client=part).status_code == 404
    assert deploy(alice, {"name": "shop"}, sync=True, client=part).status_code == 403
    with org_scope(alice.org_id):
        assert source_archives.sizes(alice.org_id, [SHA256]) == {SHA256: len(ARCHIVE)}
