"""The settings and the protection rules: each is one unit, replaced whole."""

from typing import Any

from controlplane.core.lined_yaml import Place
from controlplane.delivery.configuration.parts import Change, Part, Wanted
from controlplane.delivery.project.lined import Strict
from controlplane.deployments import protecting
from controlplane.deployments.change_settings import set_settings
from controlplane.deployments.protection import mistakes, read
from controlplane.deployments.protection_api import shown_rules
from controlplane.deployments.settings_document import parse_document, place_of
from tenants.errors import InvalidError
from tenants.permissions import Permission


class SettingsPart(Part):
    """docs/deployment-settings.md."""

    key = "settings"

    def current(self) -> dict[str, Any]:
        return {"": self.context.deployment.settings}

    def written(self, units: Any) -> Any:
        return units[""]

    def read(self, strict: Strict, value: Any, place: Place) -> Wanted:
        try:
            return Wanted({"": parse_document({} if value is None else value)})
        except InvalidError as error:
            strict.wrong(error.message, (*place, *place_of(error.attr or "")))
            return Wanted({})

    def require(self, change: Change) -> None:
        self.context.visible.require_on_all(Permission.DEPLOYMENT_WRITE)

    def apply(self, change: Change) -> None:
        context = self.context
        set_settings(
            org_id=context.org_id, deployment_id=context.deployment.id, document=change.after, actor=context.actor
        )


class ProtectionPart(Part):
    """docs/deployments.md."""

    key = "protection"

    def current(self) -> dict[str, Any]:
        return {"": shown_rules(self.context.deployment, self.context.visible)}

    def written(self, units: Any) -> Any:
        return units[""]

    def read(self, strict: Strict, value: Any, place: Place) -> Wanted:
        try:
            rules = read({} if value is None else value)
        except InvalidError as error:
            strict.wrong(error.message, place)
            return Wanted({})
        for message in mistakes(rules):
            strict.wrong(message, place)
        return Wanted({"": rules.document()})

    def require(self, change: Change) -> None:
        self.context.visible.require_on_all(Permission.DEPLOYMENT_GRANT)

    def apply(self, change: Change) -> None:
        context = self.context
        protecting.set_protection(
            org_id=context.org_id, deployment_id=context.deployment.id, document=change.after, actor=context.actor
        )
