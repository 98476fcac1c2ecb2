"""What agents get: fingerprints with the locations they should load, and values when they ask for them. Nothing of it is stored."""

from collections.abc import Iterable
from uuid import UUID

from agent import protocol as wire
from controlplane.deployments.models import CodeLocation, LocationVersion
from controlplane.environment.branch_facts import branch_context, branch_contexts
from controlplane.environment.effective import effective, fingerprint
from controlplane.environment.models import AgentKey, EnvironmentVariable, VariableKind
from controlplane.environment.selectors import owner_id, variables_of_deployments, variables_of_location
from controlplane.environment.services import opened


def fingerprints(org_id: UUID, versions: Iterable[tuple[CodeLocation, LocationVersion]]) -> dict[UUID, str]:
    """By version, what changes when its environment does; a query for all. Needs `deployment` loaded; call it inside org_scope."""
    wanted = list(versions)
    known = variables_of_deployments(org_id, [owner_id(location.deployment) for location, _version in wanted])
    contexts = branch_contexts(org_id, [location.deployment for location, _version in wanted])
    return {
        version.id: fingerprint(
            effective(
                location.deployment,
                location,
                version,
                known.get(owner_id(location.deployment), []),
                contexts.get(location.deployment_id),
            )
        )
        for location, version in wanted
    }


def environment_for_agent(agent_id: UUID, location: CodeLocation, version: LocationVersion) -> wire.LocationEnvironment:
    """Every variable with its value, its reference, or the box for this agent's key. Call it inside org_scope."""
    known = variables_of_location(location.deployment, location.name)
    found = effective(location.deployment, location, version, known, branch_context(location.deployment))
    values = opened([part.variable for part in found if part.variable is not None])
    key = AgentKey.objects.for_org(location.org_id).filter(agent_id=agent_id).first()
    return wire.LocationEnvironment(
        fingerprint=fingerprint(found),
        variables=[
            wire.EnvironmentVariable(name=part.name, value=part.value)
            if part.variable is None
            else _on_the_wire(part.variable, values.get(part.variable.id), key.key_id if key else "")
            for part in found
        ],
    )


def _on_the_wire(variable: EnvironmentVariable, value: str | None, key_id: str) -> wire.EnvironmentVariable:
    reference = None
    if variable.kind == VariableKind.REFERENCE:
        reference = wire.SecretReference(store=variable.store, secret=variable.reference)
    return wire.EnvironmentVariable(
        name=variable.name,
        value=value,
        reference=reference,
        box=variable.sealed_boxes.get(key_id),
        masked=variable.masked,
    )
