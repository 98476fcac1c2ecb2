"""One installation for all end-to-end tests, which one process runs (tests/scheduling.py); it ends with the last of them."""

from collections.abc import Iterator

import pytest

from tests.installation import Installation, installed


@pytest.fixture(scope="package")
def daggerboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A running Daggerboard with the acceptance project loaded."""
    with installed(tmp_path_factory.mktemp("e2e") / "home") as installation:
        installation.deploy_acceptance()
        yield installation
