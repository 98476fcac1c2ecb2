"""From documents of code locations to what deployments deploy."""

from controlplane.delivery.project.document import LocationDocument
from controlplane.deployments.code import Code
from controlplane.deployments.deploying import LocationDeploy
from controlplane.deployments.git_facts import GitFacts


def deploy_of(document: LocationDocument, *, source_sha256: str = "", git: GitFacts | None = None) -> LocationDeploy:
    """What a document asks for. Its code is in an archive that was uploaded, or else in the document's image."""
    code = Code(
        target=document.target(of_source=bool(source_sha256)),
        source_sha256=source_sha256,
        image="" if source_sha256 else document.image or "",
        container_context=document.container_context,
        git_commit=document.git.commit_hash,
        git_url=document.git.url,
        git=git or GitFacts(),
    )
    return LocationDeploy(name=document.name, code=code, queue=document.agent_queue or "default")
