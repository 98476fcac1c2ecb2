"""`daggerboard export-organization` and `organization-state`, as processes."""

import json
import os
import subprocess
import sys

import pytest

from tenants.models import Organization
from tests.ui.server import serving


def run(*words, **variables):
    command = [sys.executable, "-m", "controlplane.cli.main", *words]
    return subprocess.run(command, env={**os.environ, **variables}, capture_output=True, text=True, check=False)


def test_export_writes_json_lines(cast, tmp_path):
    file = tmp_path / "out.jsonl"
    with serving() as url:
        place = {"DAGGERBOARD_URL": url, "DAGGERBOARD_ORGANIZATION": cast.org.slug, "DAGGERBOARD_DEPLOYMENT": "prod"}
        done = run("export-organization", cast.org.slug, DAGGERBOARD_TOKEN=cast.user_token.text, **place)
        kept = run(
            "export-organization", cast.org.slug, "--file", str(file), DAGGERBOARD_TOKEN=cast.user_token.text, **place
        )
        refused = run("export-organization", "nowhere", DAGGERBOARD_TOKEN=cast.user_token.text, **place)

    assert (done.returncode, done.stderr) == (0, "")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines[0]["row"]["slug"] == cast.org.slug
    assert kept.returncode == 0
    assert json.loads(file.read_text().splitlines()[0]) == lines[0]
    assert (refused.returncode, len(refused.stderr.splitlines())) == (4, 1)


@pytest.mark.parametrize(
    ("words", "code"), [(("nowhere", "active"), 4), ((None, "nonsense"), 2), ((None, "pending_deletion"), 1)]
)
def test_state_that_cannot_be_is_refused_in_one_line(cast, words, code):
    slug, state = words

    done = run("organization-state", slug or cast.org.slug, state)

    assert (done.returncode, len(done.stderr.splitlines())) == (code, 1)


def test_organization_is_suspended_and_back(cast):
    assert run("organization-state", cast.org.slug, "suspended", "--reason", "unpaid").returncode == 0
    row = Organization.objects.get(id=cast.org_id)
    assert (row.state, row.state_reason) == ("suspended", "unpaid")
    assert run("organization-state", cast.org.slug, "active").returncode == 0
    assert Organization.objects.get(id=cast.org_id).state == "active"
