"""Where processes outside of runs send their messages, below `/pipes/v1/`."""

from django.urls import path

from controlplane.external.pipes import views

urlpatterns = [
    path("sessions/<uuid:session_id>/messages", views.messages, name="pipes-messages"),
    path("sessions/<uuid:session_id>/context", views.context, name="pipes-context"),
]
