"""Two states of definitions compared within the rights of a caller: what is hidden on one side is left out on both."""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from controlplane.definitions import selectors as stored
from controlplane.definitions.comparison import Comparison, compare, without_assets
from controlplane.definitions.differences import Kind
from controlplane.definitions.manifest import Manifest
from controlplane.deployments.current_definitions import DeploymentDefinitions, LocationDefinitions
from controlplane.deployments.filtered_definitions import filtered
from controlplane.deployments.models import CodeLocation, LocationVersion
from controlplane.deployments.parts import Kept, Rule, part_of
from controlplane.deployments.visibility import Visible
from tenants.permissions import Permission

_OF_ASSETS = frozenset({Kind.ASSET, Kind.CHECK})
# By the hashes and the rules: such a comparison is the same for ever.
_comparisons = Kept(512)


@dataclass(frozen=True)
class KnownComparison:
    """How two states differ; `before` and `after` are what the caller may know of their assets."""

    before: DeploymentDefinitions
    after: DeploymentDefinitions
    comparison: Comparison


def compared(before: DeploymentDefinitions, after: DeploymentDefinitions, within: Sequence[Visible]) -> KnownComparison:
    """Compare as far as all of `within` let one know: both deployments, where the two states are of two."""
    of_assets, of_jobs = (_seen(before, after, within, right) for right in (Permission.ASSET_READ, Permission.JOB_READ))
    differences = (
        *(one for one in of_assets.comparison.differences if one.kind in _OF_ASSETS),
        *(one for one in of_jobs.comparison.differences if one.kind not in _OF_ASSETS),
    )
    return KnownComparison(of_assets.before, of_assets.after, Comparison(differences, of_assets.comparison.affected))


def from_hashes(org_id: UUID, manifests: Mapping[str, str]) -> DeploymentDefinitions:
    """Definitions by the sha256 of their manifests alone; no rows stand behind their locations."""
    return DeploymentDefinitions(
        by_location={
            name: LocationDefinitions(
                location=CodeLocation(org_id=org_id, name=name),
                version=LocationVersion(org_id=org_id, manifest_sha256=sha256),
                manifest=stored.manifest(org_id, sha256),
            )
            for name, sha256 in sorted(manifests.items())
        }
    )


def _seen(
    before: DeploymentDefinitions, after: DeploymentDefinitions, within: Sequence[Visible], right: Permission
) -> KnownComparison:
    rules = tuple(visible.part(right).rule for visible in within)
    sides = (before, _cut(before, rules)), (after, _cut(after, rules))
    identity = (before.fingerprint, after.fingerprint, rules)
    return KnownComparison(sides[0][1], sides[1][1], _comparisons.get(identity, lambda: _comparison(sides)))


def _cut(definitions: DeploymentDefinitions, rules: Iterable[Rule]) -> DeploymentDefinitions:
    for rule in rules:
        definitions = filtered(definitions, part_of(definitions, rule))
    return definitions


def _comparison(sides: Sequence[tuple[DeploymentDefinitions, DeploymentDefinitions]]) -> Comparison:
    """SECURITY: what is hidden on one side is left out on both; otherwise it would show as added or removed."""
    if all(whole is part for whole, part in sides):
        before, after = (_manifests(whole) for whole, _part in sides)
        return compare(before, after)
    locations = {name for whole, part in sides for name in whole.by_location.keys() - part.by_location.keys()}
    assets = {key for whole, part in sides for key in whole.graph.nodes.keys() - part.graph.nodes.keys()}
    before, after = (_manifests(part, locations) for _whole, part in sides)
    return without_assets(compare(before, after), assets)


def _manifests(definitions: DeploymentDefinitions, without: Container[str] = ()) -> dict[str, Manifest]:
    return {name: found.manifest for name, found in definitions.by_location.items() if name not in without}
