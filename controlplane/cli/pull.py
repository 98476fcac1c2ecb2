"""`daggerboard pull`: what a deployment consists of, as dagster_cloud.yaml."""

from pathlib import Path

from controlplane.cli.api_client import ApiClient
from controlplane.cli.errors import CommandError
from controlplane.cli.output import errors, say_json
from controlplane.cli.profile import load_profile
from controlplane.delivery.project.document import LocationDocument
from controlplane.delivery.project.writing import as_cloud_yaml, document_of_version


def pull_locations(file: Path | None, *, deployment: str | None, as_json: bool) -> None:
    """Write the file, or print it. Which folder a source was packed from, nobody knows any more: that is said."""
    with ApiClient(load_profile(deployment=deployment)) as client:
        found = [location for location in client.pages("code-locations/", limit=500) if location["desired_version"]]
    documents: list[LocationDocument] = [
        document_of_version(location["name"], location["desired_version"], queue=location["queue"])
        for location in found
    ]
    packed = [location["name"] for location in found if location["desired_version"]["source_sha256"]]
    if packed:
        errors.print(f"Add build.directory to those deployed from source: {', '.join(packed)}.", markup=False)
    if as_json:
        say_json({"locations": [document.as_json() for document in documents]})
        return
    text = as_cloud_yaml(documents)
    if file is None:
        print(text, end="")
        return
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{file} cannot be written: {error}") from error
    errors.print(f"Wrote {len(documents)} code locations into {file}.", markup=False)
