"""All routes of the control plane."""

from django.urls import URLPattern, URLResolver, include, path

from controlplane.delivery.connections.webhook_view import receive

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("controlplane.core.urls")),
    path("agent/v1/", include("controlplane.dispatch.urls")),
    path("api/v1/", include("controlplane.config.api_urls")),
    path("scim/v2/", include(("tenants.scim.urls", "scim"))),
    path("webhooks/git/<uuid:git_connection_id>", receive, name="git-webhook"),
    path("pipes/v1/", include("controlplane.external.pipes.urls")),
    # Before the pages, whose `/<org>/<deployment>/…` is open-ended.
    path("", include("controlplane.external.reports.dagster_urls")),
    path("", include("controlplane.delivery.dagster_cloud.urls")),
    path("", include("controlplane.ui.urls")),
]

handler400 = "controlplane.ui.errors.bad_request"
handler403 = "controlplane.ui.errors.forbidden"
handler404 = "controlplane.ui.errors.not_found"
handler500 = "controlplane.ui.errors.server_error"
# Asked for by name, by what limits attempts (allauth).
handler429 = "controlplane.ui.errors.too_many"
