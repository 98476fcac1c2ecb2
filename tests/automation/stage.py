"""A deployment whose code location holds real dagster definitions, as an agent would have reported them."""

import gzip
import uuid
from collections.abc import Iterable
from typing import Any

import dagster as dg
from daggerboard_worker.canonical import canonical_json
from daggerboard_worker.manifest.build import build_manifest, repository_snapshot, snapshot_bytes

from controlplane.automation.conditions import waking
from controlplane.automation.models import AssetEvaluation, ConditionEvaluator, ConditionState, Instigator
from controlplane.catalog import projections
from controlplane.catalog.models import AssetEventKind
from controlplane.catalog.rows import AssetEventRow
from controlplane.definitions.services import store_file
from controlplane.deployments.loading import record_load
from controlplane.evaluator.conditions import evaluating
from controlplane.runs.models import Run
from tenants.scoping import org_scope
from tests.cast import Cast
from tests.factories import definitions_file, deploy, loaded_report


class Stage:
    """One deployment, and what its conditions come to."""

    def __init__(self, cast: Cast) -> None:
        self.cast, self.org_id, self.deployment_id = cast, cast.org_id, cast.deployment.id

    def load(self, location: str, definitions: dg.Definitions, *, snapshot: bytes | None = None) -> None:
        """Serve these, with the sensors of conditions running."""
        loaded = _Loaded(location, definitions)
        snap = repository_snapshot(loaded)
        manifest, kept = canonical_json(build_manifest(loaded, snap)), snapshot or snapshot_bytes(snap)
        version = deploy(self.cast, location)
        for content in (manifest, kept):
            file = definitions_file(content)
            store_file(org_id=self.org_id, sha256=file.sha256, gzip_bytes=gzip.compress(content))
        report = loaded_report(uuid.uuid4(), version.id, definitions_file(manifest), snapshot=definitions_file(kept))
        record_load(org_id=self.org_id, version_id=version.id, report=report, loaded_elsewhere=False)
        for sensor in snap.sensors:
            if sensor.sensor_type.value == "AUTO_MATERIALIZE":
                self._run(location, sensor.name)

    def _run(self, location: str, name: str) -> None:
        with org_scope(self.org_id):
            Instigator.objects.for_org(self.org_id).filter(location_name=location, name=name).delete()
            Instigator.objects.create_in(
                self.org_id,
                deployment_id=self.deployment_id,
                location_name=location,
                kind="sensor",
                name=name,
                sensor_type="AUTO_MATERIALIZE",
                is_running=True,
            )

    def evaluate(self) -> int:
        """As the evaluators' queue would be asked to, once; how many runs were launched."""
        waking._claim(self.org_id, self.deployment_id)
        return evaluating.evaluate(self.org_id, self.deployment_id)

    def settle(self, times: int = 8) -> None:
        """Until nothing is due any more."""
        for _ in range(times):
            self.evaluate()

    def made(self, *keys: str, partition: str | None = None) -> None:
        """Materializations from outside."""
        rows: list[Any] = [self._row(key, partition) for key in keys]
        with org_scope(self.org_id):
            projections.apply(self.org_id, rows)

    def _row(self, key: str, partition: str | None) -> AssetEventRow:
        import datetime

        from dagster._core.events import DagsterEvent, DagsterEventType, StepMaterializationData
        from dagster._core.events.log import EventLogEntry
        from dagster._serdes import serialize_value

        at = datetime.datetime.now(datetime.UTC)
        made = StepMaterializationData(dg.AssetMaterialization(key.split("/"), partition=partition))
        event = DagsterEvent(DagsterEventType.ASSET_MATERIALIZATION.value, "j", event_specific_data=made)
        entry = EventLogEntry(None, 20, "", "", at.timestamp(), None, "j", event)
        return AssetEventRow(
            kind=AssetEventKind.MATERIALIZATION,
            deployment_id=self.deployment_id,
            asset_key=key,
            partition_key=partition,
            run_id=None,
            at=at,
            serdes=serialize_value(entry),
        )

    @property
    def runs(self) -> list[Run]:
        with org_scope(self.org_id):
            return list(Run.objects.for_org(self.org_id).filter(deployment_id=self.deployment_id).order_by("id"))

    @property
    def requested(self) -> list[tuple[tuple[str, ...], str | None]]:
        """Assets and partition of every run so far, in order."""
        return [(tuple(run.asset_selection or ()), run.partition_key) for run in self.runs]

    @property
    def evaluator(self) -> ConditionEvaluator:
        with org_scope(self.org_id):
            return ConditionEvaluator.objects.for_org(self.org_id).get(deployment_id=self.deployment_id)

    def history(self, entity: str) -> list[AssetEvaluation]:
        with org_scope(self.org_id):
            rows = AssetEvaluation.objects.for_org(self.org_id).filter(deployment_id=self.deployment_id, entity=entity)
            return list(rows.order_by("-id"))

    def states(self, entities: Iterable[str] = ()) -> dict[str, ConditionState]:
        with org_scope(self.org_id):
            rows = ConditionState.objects.for_org(self.org_id).filter(deployment_id=self.deployment_id)
            return {row.entity: row for row in rows if not entities or row.entity in entities}


class _Loaded:
    """What the code worker has after loading a location."""

    def __init__(self, name: str, definitions: dg.Definitions) -> None:
        from types import SimpleNamespace

        self.repository = definitions.get_repository_def()
        self.location = SimpleNamespace(name=name)
