"""The whole of scim2-tester, which checks a SCIM service against RFC 7643 and RFC 7644, over HTTP against a live server."""

import httpx
from django.test import override_settings
from scim2_client import BaseSyncSCIMClient
from scim2_tester import Status, check_server

from tenants.models import TokenKind
from tenants.token_services import issue_token
from tests.ui.server import serving


class HttpClient(BaseSyncSCIMClient):
    """The client of scim2-client on httpx."""

    def __init__(self, http: httpx.Client) -> None:
        super().__init__()
        self.http = http

    def request(self, method, url, **kwargs):
        return self.http.request(method, url, **kwargs)

    def _parse_json(self, response):
        return response.json()

    def _stays_under_base_url(self, endpoint):
        return str(self.http.build_request("GET", endpoint).url).startswith(str(self.http.base_url))


def test_scim_service_passes_every_check(cast):
    token = issue_token(org_id=cast.org_id, kind=TokenKind.SCIM, name="tester").text
    headers = {"Authorization": f"Bearer {token}"}

    # Its users have addresses of made-up domains, which nobody can have verified.
    with (
        serving() as url,
        override_settings(SCIM_ANY_DOMAIN=True, PUBLIC_URL=url),
        httpx.Client(base_url=f"{url}/scim/v2", headers=headers, timeout=30, trust_env=False) as http,
    ):
        results = check_server(HttpClient(http))

    assert [f"{r.status.name} {r.title}: {r.reason}" for r in results if r.status != Status.SUCCESS] == []
    assert len(results) > 100
