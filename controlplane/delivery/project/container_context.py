"""The names that `container_context` knows, by platform. What stands below them is the platform's own and passed on as it is."""

from collections.abc import Mapping
from typing import Any

from controlplane.core.lined_yaml import Place
from controlplane.delivery.project.lined import Strict

_TEXTS = "texts"  # a list of texts
_MAPS = "maps"  # a list of mappings
_MAP, _TEXT, _NUMBER = "map", "text", "number"

_POD = ("container_config", "pod_spec_config", "pod_template_spec_metadata", "merge_behavior")
_SERVER = (*_POD, "deployment_metadata", "service_metadata", "service_spec_config")
_RUN = (*_POD, "job_config", "job_metadata", "job_spec_config")
_MERGE_BEHAVIORS = ("SHALLOW", "DEEP")

_K8S: Mapping[str, str] = {
    **dict.fromkeys(("env_config_maps", "env_secrets", "env_vars"), _TEXTS),
    **dict.fromkeys(("env", "image_pull_secrets", "volumes", "volume_mounts"), _MAPS),
    **dict.fromkeys(("labels", "resources", "security_context", "server_k8s_config", "run_k8s_config"), _MAP),
    **dict.fromkeys(("image_pull_policy", "namespace", "service_account_name", "scheduler_name"), _TEXT),
    "server_replica_count": _NUMBER,
}
_ECS: Mapping[str, str] = {
    **dict.fromkeys(("env_vars", "secrets_tags"), _TEXTS),
    **dict.fromkeys(
        ("secrets", "mount_points", "volumes", "server_sidecar_containers", "run_sidecar_containers"), _MAPS
    ),
    **dict.fromkeys(("server_ecs_tags", "run_ecs_tags"), _MAPS),
    **dict.fromkeys(("server_resources", "run_resources", "runtime_platform", "server_health_check"), _MAP),
    **dict.fromkeys(("execution_role_arn", "task_role_arn", "task_definition_arn"), _TEXT),
    **dict.fromkeys(("container_name", "repository_credentials"), _TEXT),
}
_DOCKER: Mapping[str, str] = {"env_vars": _TEXTS, "networks": _TEXTS, "container_kwargs": _MAP}
_PLATFORMS: Mapping[str, Mapping[str, str]] = {"k8s": _K8S, "ecs": _ECS, "docker": _DOCKER}
# Azure Container Apps: its fields are passed on unchecked.
_UNCHECKED = ("aca",)


def check_container_context(strict: Strict, value: Any, place: Place) -> dict[str, Any]:
    """The context as it is; problems go to `strict`."""
    found = strict.mapping(value, place, (*_PLATFORMS, *_UNCHECKED))
    for platform, content in found.items():
        if platform in _UNCHECKED:
            strict.free_mapping(content, (*place, platform))
        else:
            _check_platform(strict, content, (*place, platform), _PLATFORMS[platform])
    return found


def _check_platform(strict: Strict, content: Any, place: Place, fields: Mapping[str, str]) -> None:
    for key, value in strict.mapping(content, place, tuple(fields)).items():
        _check_value(strict, value, (*place, key), fields[key])
        if key == "server_k8s_config":
            _check_merging(strict, strict.mapping(value, (*place, key), _SERVER), (*place, key))
        elif key == "run_k8s_config":
            _check_merging(strict, strict.mapping(value, (*place, key), _RUN), (*place, key))


def _check_value(strict: Strict, value: Any, place: Place, kind: str) -> None:
    if kind == _TEXT:
        strict.text(value, place)
    elif kind == _MAP:
        strict.free_mapping(value, place)
    elif kind == _NUMBER:
        if not isinstance(value, int) or isinstance(value, bool):
            strict.wrong("This is a whole number.", place)
    else:
        for index, item in enumerate(strict.sequence(value, place)):
            check = strict.text if kind == _TEXTS else strict.free_mapping
            check(item, (*place, index))


def _check_merging(strict: Strict, config: Mapping[str, Any], place: Place) -> None:
    if config.get("merge_behavior", "DEEP") not in _MERGE_BEHAVIORS:
        strict.wrong(f"merge_behavior is {' or '.join(_MERGE_BEHAVIORS)}.", (*place, "merge_behavior"))
