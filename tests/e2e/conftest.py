"""One installation for all end-to-end tests of a test process."""

from collections.abc import Iterator

import pytest

from tests.installation import Installation, installed


@pytest.fixture(scope="session")
def daggerboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A running Daggerboard with the acceptance project loaded."""
    with installed(tmp_path_factory.mktemp("e2e") / "home") as installation:
        installation.deploy_acceptance()
        yield installation
