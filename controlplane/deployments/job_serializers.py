"""The JSON of jobs. Asset and check keys are written as text, as everywhere outside the manifest."""

from dataclasses import dataclass
from typing import Any

import msgspec
from rest_framework import serializers

from controlplane.definitions.asset_keys import check_text, to_text
from controlplane.definitions.manifest import ConfigType, Job, Manifest


@dataclass(frozen=True)
class JobView:
    """A job where it is defined."""

    location: str
    job: Job
    manifest: Manifest

    @property
    def assets(self) -> list[str]:
        return [to_text(key) for key in self.job.assets]

    @property
    def checks(self) -> list[str]:
        return [check_text(asset, name) for asset, name in self.job.checks]

    @property
    def partitions(self) -> dict[str, Any] | None:
        if self.job.partitions is None:
            return None
        definition: dict[str, Any] = msgspec.to_builtins(self.manifest.partitions_definitions[self.job.partitions])
        return definition

    @property
    def ops(self) -> list[dict[str, Any]] | None:
        found: list[dict[str, Any]] | None = msgspec.to_builtins(self.job.ops)
        return found

    @property
    def config_types(self) -> dict[str, dict[str, Any]]:
        """The types that the job's config is made of: every one that can be reached from its root."""
        reached: dict[str, dict[str, Any]] = {}
        waiting = [self.job.config] if self.job.config else []
        while waiting:
            name = waiting.pop()
            if name not in reached and name in self.manifest.config_types:
                config_type = self.manifest.config_types[name]
                reached[name] = msgspec.to_builtins(config_type)
                waiting.extend(_parts_of(config_type))
        return reached


def _parts_of(config_type: ConfigType) -> list[str]:
    return [*(config_type.type_params or []), *(field.type for field in config_type.fields or [])]


class JobSerializer(serializers.Serializer[JobView]):
    """A job of a code location. `implicit` is dagster's own job of all assets."""

    location = serializers.CharField()
    name = serializers.CharField(source="job.name")
    implicit = serializers.BooleanField(source="job.implicit")
    description = serializers.CharField(source="job.description", allow_null=True)
    tags = serializers.DictField(source="job.tags", child=serializers.CharField())
    executor = serializers.CharField(source="job.executor", allow_null=True)
    assets = serializers.ListField(child=serializers.CharField())
    checks = serializers.ListField(child=serializers.CharField())


class JobDetailSerializer(JobSerializer):
    """A job with its graph, its partitions, and the types of its run config."""

    run_tags = serializers.DictField(source="job.run_tags", child=serializers.CharField())
    metadata = serializers.JSONField(source="job.metadata")
    resources = serializers.ListField(source="job.resources", child=serializers.CharField())
    ops = serializers.JSONField(help_text="The nodes of its graph, nested.")
    partitions = serializers.JSONField()
    config_type = serializers.CharField(source="job.config", allow_null=True, help_text="The root in `config_types`.")
    config_types = serializers.DictField(
        child=serializers.JSONField(), help_text="Config types by id, as dagster has them."
    )
