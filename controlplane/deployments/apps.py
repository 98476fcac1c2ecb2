"""Full deployments, code locations and their versions."""

from django.apps import AppConfig


class DeploymentsConfig(AppConfig):
    name = "controlplane.deployments"

    def ready(self) -> None:
        """Tell those below where grants can hold. Models can be imported only now."""
        from controlplane.deployments.places import named_places
        from tenants.people.places import register_places

        register_places(named_places)
