"""Definitions files: content-addressed, per organization, bounded."""

import gzip
import hashlib
import uuid

import pytest

from controlplane.definitions import selectors, services
from controlplane.definitions.manifest_cache import ManifestCache
from tenants.errors import InvalidError, NotFoundError, TooLargeError
from tests import factories
from tests.cast import Cast


def test_stored_manifest_reads_back_and_is_not_missing(cast: Cast) -> None:
    manifest = factories.make_manifest()

    file = factories.store_manifest(cast.org_id, manifest)

    assert selectors.manifest(cast.org_id, file.sha256) == manifest
    assert selectors.missing(cast.org_id, [file.sha256, "0" * 64, "0" * 64]) == ["0" * 64]


def test_manifest_of_another_organization_is_not_found(cast: Cast, outsider: Cast) -> None:
    file = factories.store_manifest(cast.org_id, factories.make_manifest(location=uuid.uuid4().hex))
    selectors.manifest(cast.org_id, file.sha256)

    assert selectors.missing(outsider.org_id, [file.sha256]) == [file.sha256]
    with pytest.raises(NotFoundError):
        selectors.manifest(outsider.org_id, file.sha256)


@pytest.mark.parametrize("sha256", ["", "../../etc/passwd", "A" * 64, "0" * 63, "0" * 64 + "\n"])
def test_only_a_sha256_names_a_file(cast: Cast, sha256: str) -> None:
    with pytest.raises(InvalidError):
        services.store_file(org_id=cast.org_id, sha256=sha256, gzip_bytes=gzip.compress(b"{}"))
    with pytest.raises(NotFoundError):
        selectors.manifest(cast.org_id, sha256)


def test_content_must_have_the_hash_it_came_under(cast: Cast) -> None:
    with pytest.raises(InvalidError, match="does not have the sha256"):
        services.store_file(org_id=cast.org_id, sha256="0" * 64, gzip_bytes=gzip.compress(b"{}"))


def test_gzip_bomb_is_refused(cast: Cast) -> None:
    bomb = gzip.compress(bytes(65 * 2**20))

    with pytest.raises(TooLargeError):
        services.store_file(org_id=cast.org_id, sha256="0" * 64, gzip_bytes=bomb)


@pytest.mark.parametrize("content", [b"{}", b"[", b'{"manifest_version": 99}', b'{"assets": ' + b"[" * 100_000])
def test_what_is_no_manifest_says_so(cast: Cast, content: bytes) -> None:
    sha256 = hashlib.sha256(content).hexdigest()
    services.store_file(org_id=cast.org_id, sha256=sha256, gzip_bytes=gzip.compress(content))

    with pytest.raises(InvalidError, match="manifest"):
        selectors.manifest(cast.org_id, sha256)


def test_cache_forgets_the_least_recently_used_first() -> None:
    cache = ManifestCache(max_bytes=10)
    org_id, manifest = uuid.uuid4(), factories.make_manifest()
    for name in ("a", "b"):
        cache.put((org_id, name), manifest, size=5)
    cache.get((org_id, "a"))

    cache.put((org_id, "c"), manifest, size=5)
    cache.put((org_id, "huge"), manifest, size=11)

    assert [name for name in ("a", "b", "c", "huge") if cache.get((org_id, name))] == ["a", "c"]
