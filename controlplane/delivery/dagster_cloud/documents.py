"""Code locations as the client writes and reads them: the entries of dagster_cloud.yaml, and the serialized form of its own class."""

import json
from typing import Any

import msgspec

from controlplane.delivery.location_deploys import deploy_of
from controlplane.delivery.project.document import (
    CODE_SOURCES,
    GitOrigin,
    LocationDocument,
    document_of_json,
    require_code_source,
)
from controlplane.deployments.code import Code, code_of
from controlplane.deployments.deploying import LocationDeploy
from controlplane.deployments.models import CodeLocation
from tenants.errors import InvalidError

_DEFAULT_QUEUE = "default"


def location_deploy(sent: Any, *, where: str = "location") -> LocationDeploy:
    """One entry; InvalidError says what does not fit, and where."""
    document = document_of_json(sent, where=where)
    if document.image:
        require_code_source(document)
    return deploy_of(document)


def location_deploys(sent: Any) -> list[LocationDeploy]:
    """The entries of `{"locations": [...]}`."""
    entries = sent.get("locations") if isinstance(sent, dict) else None
    if not isinstance(entries, list):
        raise InvalidError('The document has a list "locations".')
    return [location_deploy(entry, where=f"locations[{index}]") for index, entry in enumerate(entries)]


def location_document(location: CodeLocation) -> dict[str, Any]:
    """The entry that deploys what is deployed, without what is not set. Of what an archive holds it has only what to load there."""
    code = _code(location)
    document = LocationDocument(
        name=location.name,
        **msgspec.structs.asdict(code.target),
        image=code.image,
        agent_queue=_queue(location),
        container_context=code.container_context,
        git=GitOrigin(commit_hash=code.git_commit, url=code.git_url),
    )
    return document.as_json()


def serialized_metadata(location: CodeLocation) -> str:
    """The client's `CodeLocationDeployData`, as its own serializer writes it."""
    code = _code(location)
    target = msgspec.structs.asdict(code.target)
    if not any(target[name] for name in CODE_SOURCES):
        # The client refuses to read one without any of these names; ours may leave that to the project's pyproject.toml.
        target["autoload_defs_module_name"] = "pyproject.toml"
    git = {"__class__": "GitMetadata", "commit_hash": code.git_commit or None, "url": code.git_url or None}
    return json.dumps(
        {
            "__class__": "CodeDeploymentMetadata",
            **target,
            "image": code.image or None,
            "git_metadata": git if code.git_commit or code.git_url else None,
            "container_context": dict(code.container_context),
            "agent_queue": _queue(location),
        }
    )


def _code(location: CodeLocation) -> Code:
    return code_of(location.desired) if location.desired else Code()


def _queue(location: CodeLocation) -> str | None:
    return location.queue if location.queue != _DEFAULT_QUEUE else None
