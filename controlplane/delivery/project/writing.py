"""Documents of a deployment as dagster_cloud.yaml: the other way of reading."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from controlplane.delivery.project.document import LocationDocument

# Jinja's marks in a value would be taken for templates when the file is read.
_MARK = re.compile(r"\{[{%#]")


def as_cloud_yaml(documents: Iterable[LocationDocument]) -> str:
    """One file with all of them; it reads back as the same documents, Git facts apart, which a file does not hold."""
    locations = []
    for document in documents:
        found = document.as_json()
        found.pop("git", None)
        locations.append(found)
    text = yaml.safe_dump({"locations": locations}, sort_keys=False, allow_unicode=True, default_flow_style=False)
    return _MARK.sub(lambda found: f"{{{{ '{found[0]}' }}}}", text)


def document_of_version(name: str, version: Mapping[str, Any], *, queue: str) -> LocationDocument:
    """What is deployed, from the API's JSON of a code location's version. A target without a name leaves it to the project's files."""
    target = {key: value for key, value in version["target"].items() if value}
    return LocationDocument(
        name=name,
        **target,
        image=version["image"] or None,
        agent_queue=None if queue == "default" else queue,
        container_context=version["container_context"],
    )
