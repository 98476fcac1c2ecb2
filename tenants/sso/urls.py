"""Routes of single sign-on below `/account/`."""

from django.urls import URLPattern, URLResolver, path

from tenants.sso import views

urlpatterns: list[URLPattern | URLResolver] = [
    path("sso", views.Ask.as_view(), name="sso"),
    path("sso/<str:key>/login/", views.Login.as_view(), name="sso-login"),
    path("sso/<str:key>/test/", views.Test.as_view(), name="sso-test"),
    path("sso/<str:key>/link/", views.Link.as_view(), name="sso-link"),
    path("sso/<str:key>/callback/", views.Callback.as_view(), name="sso-callback"),
    path("sso/<str:key>/acs/", views.AssertionConsumer.as_view(), name="sso-acs"),
    path("sso/<str:key>/acs/finish/", views.FinishSaml.as_view(), name="sso-acs-finish"),
    path("sso/<str:key>/metadata/", views.Metadata.as_view(), name="sso-metadata"),
]
