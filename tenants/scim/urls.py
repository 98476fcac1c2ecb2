"""Routes below `/scim/v2/`."""

from django.urls import URLPattern, URLResolver, path, re_path

from tenants.scim import views

urlpatterns: list[URLPattern | URLResolver] = [
    path("ServiceProviderConfig", views.ServiceProviderConfigView.as_view(), name="config"),
    path("Schemas", views.SchemasView.as_view(), name="schemas"),
    path("Schemas/<str:resource_id>", views.SchemasView.as_view(), name="schema"),
    path("ResourceTypes", views.ResourceTypesView.as_view(), name="resource-types"),
    path("ResourceTypes/<str:resource_id>", views.ResourceTypesView.as_view(), name="resource-type"),
    path("Users", views.UsersView.as_view(), name="users"),
    path("Users/.search", views.SearchUsersView.as_view(), name="search-users"),
    path("Users/<str:resource_id>", views.UserView.as_view(), name="user"),
    path("Groups", views.GroupsView.as_view(), name="groups"),
    path("Groups/.search", views.SearchGroupsView.as_view(), name="search-groups"),
    path("Groups/<str:resource_id>", views.GroupView.as_view(), name="group"),
    path(".search", views.SearchView.as_view(), name="search"),
    re_path("", views.MissingView.as_view(), name="missing"),
]
