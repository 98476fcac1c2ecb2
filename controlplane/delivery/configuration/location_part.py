"""Code locations: their queue, what is loaded, and from where. Code itself is no configuration: of an archive the commit is told only."""

from dataclasses import replace
from typing import Any

import msgspec

from agent.protocol import Target
from controlplane.core.lined_yaml import Place
from controlplane.delivery.configuration.parts import Change, Part, Wanted
from controlplane.delivery.project.lined import Strict
from controlplane.deployments import services
from controlplane.deployments.code import Code, code_of
from controlplane.deployments.models import CodeLocation
from tenants.permissions import Permission

_TARGET = tuple(field.name for field in msgspec.structs.fields(Target))
_KEYS = ("queue", "target", "image", "container_context", "source", "git_commit", "git_url")
# Where code came from: of an archive it is told, and cannot be set.
_ORIGIN = ("source", "git_commit", "git_url")
_SOURCE = "archive"


class LocationPart(Part):
    """A code location that the document has and the deployment has not is deployed from an image or from the agent's files."""

    key = "code_locations"
    prunes = True

    def current(self) -> dict[str, Any]:
        return {row.name: _described(row) for row in self.context.visible.code_locations() if row.desired is not None}

    def read(self, strict: Strict, value: Any, place: Place) -> Wanted:
        wanted, known = Wanted({}), self.current()
        for name, given in strict.free_mapping(value, place).items():
            unit = self._unit(strict, given, (*place, name))
            if unit.get("source") and name not in known:
                what = f"commit {unit['git_commit']}" if "git_commit" in unit else "it"
                wanted.warnings.append(
                    f"The code location {name} needs its code: deploy {what} with `daggerboard deploy` or CI."
                )
                continue
            if name in known and (changed := _other_code(known[name], unit)):
                wanted.warnings.append(
                    f"The code location {name} has another {changed}: deploy it with CI, no document can."
                )
                # The rest is compared still.
                unit = {key: value for key, value in unit.items() if key not in _ORIGIN}
                unit |= {key: value for key, value in known[name].items() if key in _ORIGIN}
            wanted.units[name] = unit
        return wanted

    def _unit(self, strict: Strict, given: Any, place: Place) -> dict[str, Any]:
        found = strict.mapping(given, place, _KEYS)
        unit: dict[str, Any] = {"queue": strict.text(found.get("queue"), (*place, "queue")) or "default"}
        target = strict.mapping(found.get("target"), (*place, "target"), _TARGET)
        texts = {name: strict.text(value, (*place, "target", name)) for name, value in target.items()}
        unit |= {"target": texts} if texts else {}
        if context := strict.free_mapping(found.get("container_context"), (*place, "container_context")):
            unit["container_context"] = context
        for key in ("image", "source", "git_commit", "git_url"):
            if text := strict.text(found.get(key), (*place, key)):
                unit[key] = text
        if unit.get("source", _SOURCE) != _SOURCE:
            strict.wrong(f"source is {_SOURCE}, or left out.", (*place, "source"))
        return unit

    def require(self, change: Change) -> None:
        self.context.visible.require(Permission.LOCATION_WRITE, location=change.unit)

    def apply(self, change: Change) -> None:
        context = self.context
        place: dict[str, Any] = {"org_id": context.org_id, "deployment_id": context.deployment.id, "name": change.unit}
        if change.after is None:
            services.delete_location(**place, actor=context.actor)
            return
        services.deploy_location(**place, code=self._code(change), queue=change.after["queue"], actor=context.actor)

    def _code(self, change: Change) -> Code:
        wanted = change.after
        rows = CodeLocation.objects.for_org(self.context.org_id).filter(
            deployment_id=self.context.deployment.id, name=change.unit
        )
        row = rows.select_related("desired").first()
        known = code_of(row.desired) if row is not None and row.desired is not None else Code()
        return replace(
            known,
            target=msgspec.convert(wanted.get("target", {}), Target),
            image=wanted.get("image", ""),
            container_context=wanted.get("container_context", {}),
            git_commit=wanted.get("git_commit", ""),
            git_url=wanted.get("git_url", ""),
        )


def _described(row: CodeLocation) -> dict[str, Any]:
    assert row.desired is not None, "current() has looked"
    code = code_of(row.desired)
    unit: dict[str, Any] = {
        "queue": row.queue,
        "target": {name: value for name, value in msgspec.to_builtins(code.target).items() if value},
        "image": code.image,
        "container_context": dict(code.container_context),
        "source": _SOURCE if code.source_sha256 else "",
        "git_commit": code.git_commit,
        "git_url": code.git_url,
    }
    return {key: value for key, value in unit.items() if value}


def _other_code(known: dict[str, Any], wanted: dict[str, Any]) -> str:
    """What of an archive's code differs, in words; empty when nothing does, or it is no archive."""
    if known.get("source") == wanted.get("source") is None:
        return ""
    for key, words in (("source", "source"), ("git_commit", "commit")):
        if known.get(key) != wanted.get(key):
            return words
    return ""
