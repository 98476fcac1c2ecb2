"""Routes below `/api/v1/organizations/<org>/sso/`."""

from django.urls import URLPattern, URLResolver, path

from tenants.sso import api

urlpatterns: list[URLPattern | URLResolver] = [
    path("connections/", api.ConnectionsView.as_view(), name="sso-connections"),
    path("connections/<uuid:connection_id>/", api.ConnectionView.as_view(), name="sso-connection"),
    path("domains/", api.DomainsView.as_view(), name="sso-domains"),
    path("domains/<uuid:domain_id>/", api.DomainView.as_view(), name="sso-domain"),
    path("domains/<uuid:domain_id>/verify/", api.VerifyDomainView.as_view(), name="sso-domain-verify"),
]
