"""Full deployments, code locations and their versions."""

from django.apps import AppConfig


class DeploymentsConfig(AppConfig):
    name = "controlplane.deployments"

    def ready(self) -> None:
        """Tell those below where grants can hold, and on what. Models can be imported only now."""
        from controlplane.definitions.selection_syntax import check_selection
        from controlplane.deployments.places import named_places
        from tenants.people.places import register_places
        from tenants.people.selections import register_selection_check

        register_places(named_places)
        register_selection_check(check_selection)
