"""docs/api.md shows addresses that there are."""

import re

from django.urls import resolve

from controlplane.core.api_errors import MissingView
from tests.architecture.source import ROOT

PLACES = {
    "$PROD": "/api/v1/organizations/demo/deployments/prod",
    "$URL": "",
    "$RUN": "01900000-0000-7000-8000-000000000001",
    "$ACTION": "01900000-0000-7000-8000-000000000001",
    "$B": "01900000-0000-7000-8000-000000000001",
    "<id>": "01900000-0000-7000-8000-000000000001",
}


def addresses():
    text = (ROOT / "docs/api.md").read_text()
    for shown in re.findall(r"\$(?:PROD|URL)/[^\s\"`?)]*/", text):
        for name, value in PLACES.items():
            shown = shown.replace(name, value)  # noqa: PLW2901 - placeholder after placeholder
        yield shown


def test_guide_shows_addresses_that_there_are():
    found = list(addresses())

    assert len(found) > 15
    assert [path for path in found if getattr(resolve(path).func, "cls", None) is MissingView] == []
