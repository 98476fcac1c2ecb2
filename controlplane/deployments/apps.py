"""Full deployments, code locations and their versions."""

from django.apps import AppConfig


class DeploymentsConfig(AppConfig):
    name = "controlplane.deployments"
