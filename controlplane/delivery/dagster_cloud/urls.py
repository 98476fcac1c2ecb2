"""Where the published command line posts to: the organization's address, with or without a deployment, and `/graphql`."""

from django.urls import URLPattern, path

from controlplane.delivery.dagster_cloud.api import GraphQLView

app_name = "dagster-cloud"
urlpatterns: list[URLPattern] = [
    path("<slug:org>/graphql", GraphQLView.as_view(), name="organization"),
    path("<slug:org>/<slug:deployment>/graphql", GraphQLView.as_view(), name="deployment"),
]
