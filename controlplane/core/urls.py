"""Health checks, for load balancers and orchestrators."""

from django.urls import path

from controlplane.core.health import healthz, readyz

urlpatterns = [path("healthz", healthz, name="healthz"), path("readyz", readyz, name="readyz")]
