"""Branch deployments in the database of an installation, run as a program with its settings: `python -m benchmarks.own.branch_rows COUNT FIRST`.

Each has ten code locations that have loaded, of which one differs from the base's. No agent serves their queue.
"""

import gzip
import hashlib
import json
import sys
from typing import Any

import django

LOCATIONS, ASSETS = 10, 20
QUEUE = "nobody"


def main() -> None:
    django.setup()
    count, first = map(int, sys.argv[1:])
    print(json.dumps(_make(count, first)))


def _make(count: int, first: int) -> list[str]:
    from controlplane.deployments.selectors import deployment
    from tenants.models import Organization

    org_id = Organization.objects.get(slug="demo").id
    prod = deployment(org_id, "prod")
    if first == 1:
        _deploy(org_id, prod.id, changed=-1, sha="")
    return [_branch(org_id, prod, number) for number in range(first, first + count)]


def _branch(org_id: Any, prod: Any, number: int) -> str:
    from controlplane.delivery.branches.ci import create_or_update
    from controlplane.deployments import base_snapshots, branches
    from controlplane.deployments.branches import BranchFacts
    from tenants.access import SYSTEM

    sha = hashlib.sha1(str(number).encode(), usedforsecurity=False).hexdigest()
    facts = BranchFacts(repository="acme/wide", branch=f"feature-{number}", pull_request=number, head_sha=sha)
    branch = create_or_update(org_id=org_id, parent=prod, facts=facts, actor=SYSTEM, wishes=None)
    _deploy(org_id, branch.deployment_id, changed=number % LOCATIONS, sha=sha)
    base_snapshots.set_base(org_id=org_id, deployment_id=branch.deployment_id, merge_base_sha="", earlier=[])
    branches.sleep(org_id=org_id, deployment_id=branch.deployment_id)
    return str(branch.deployment.name)


def _deploy(org_id: Any, deployment_id: Any, *, changed: int, sha: str) -> None:
    from agent.protocol import Target
    from controlplane.deployments.code import Code
    from controlplane.deployments.deploying import LocationDeploy, deploy_locations
    from controlplane.deployments.loading import record_load
    from tenants.access import SYSTEM
    from tenants.ids import uuid7
    from tests.factories import loaded_report

    names = [f"wide-{number}" for number in range(LOCATIONS)]
    codes = [
        Code(target=Target(module_name="wide"), source_sha256=_archive(org_id, number), git_commit=sha)
        for number in range(LOCATIONS)
    ]
    deploys = [LocationDeploy(name, code, QUEUE) for name, code in zip(names, codes, strict=True)]
    versions = deploy_locations(org_id=org_id, deployment_id=deployment_id, deploys=deploys, actor=SYSTEM, sha=sha)
    for number, version in enumerate(versions):
        manifest = _manifest(org_id, names[number], changed=number == changed)
        report = loaded_report(uuid7(), version.id, manifest)
        record_load(org_id=org_id, version_id=version.id, report=report, loaded_elsewhere=False)


def _archive(org_id: Any, number: int) -> str:
    from controlplane.deployments.source_archives import missing, store_archive

    content = gzip.compress(hashlib.shake_256(str(number).encode()).digest(40_000), mtime=0)
    sha256 = hashlib.sha256(content).hexdigest()
    if missing(org_id, [sha256]):
        store_archive(org_id=org_id, sha256=sha256, content=content)
    return sha256


def _manifest(org_id: Any, location: str, *, changed: bool) -> Any:
    from tests.factories import asset, make_manifest, store_manifest

    keys = [f"{location}/asset_{number}" for number in range(ASSETS)]
    ups = [(), *((key,) for key in keys)]
    version = "changed" if changed else "base"
    assets = [asset(key, *up, code_version=version) for key, up in zip(keys, ups, strict=False)]
    return store_manifest(org_id, make_manifest(assets, location=location))


if __name__ == "__main__":
    main()
