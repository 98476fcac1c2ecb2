"""Routes below `/account/sso`."""

from django.urls import URLPattern, URLResolver, path

from tenants.sso import views

urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.Ask.as_view(), name="sso"),
    path("/<str:key>/login/", views.Login.as_view(), name="sso-login"),
    path("/<str:key>/test/", views.Test.as_view(), name="sso-test"),
    path("/<str:key>/link/", views.Link.as_view(), name="sso-link"),
    path("/<str:key>/callback/", views.Callback.as_view(), name="sso-callback"),
    path("/<str:key>/acs/", views.AssertionConsumer.as_view(), name="sso-acs"),
    path("/<str:key>/acs/finish/", views.FinishSaml.as_view(), name="sso-acs-finish"),
    path("/<str:key>/metadata/", views.Metadata.as_view(), name="sso-metadata"),
]
