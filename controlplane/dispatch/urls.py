"""The endpoints of agents, below `/agent/v1/`."""

from django.urls import path

from controlplane.dispatch import polling, views

urlpatterns = [
    path("register", views.register, name="agent-register"),
    path("poll", polling.poll, name="agent-poll"),
    path("heartbeat", views.heartbeat, name="agent-heartbeat"),
    path("events", views.events, name="agent-events"),
    path("logs", views.logs, name="agent-logs"),
    path("results", views.results, name="agent-results"),
    path("results/many", views.many_results, name="agent-many-results"),
    path("definitions/missing", views.definitions_missing, name="agent-definitions-missing"),
    path("definitions/<str:sha256>", views.upload_definitions, name="agent-upload-definitions"),
    path("locations", views.locations, name="agent-locations"),
    path("sources/<str:sha256>", views.source, name="agent-source"),
    path("environment", views.environment, name="agent-environment"),
    path("read", views.read, name="agent-read"),
    path("goodbye", views.goodbye, name="agent-goodbye"),
]
