"""`daggerboard export`, `diff`, `apply` and `deployment settings`, as processes against a control plane."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from controlplane.deployments.models import Deployment
from tenants.scoping import org_scope
from tests.cast import Cast
from tests.ui.server import serving


def test_round_trip(cast: Cast, tmp_path: Path) -> None:
    file, bad = tmp_path / "prod.yaml", tmp_path / "bad.yaml"
    editor = tmp_path / "editor.sh"
    editor.write_text('#!/bin/sh\necho "default_sensor_timeout: 77" > "$1"\n')
    editor.chmod(0o700)
    with serving() as url:
        place = {"DAGGERBOARD_URL": url, "DAGGERBOARD_ORGANIZATION": cast.org.slug, "DAGGERBOARD_DEPLOYMENT": "prod"}
        place |= {"DAGGERBOARD_TOKEN": cast.user_token.text, "EDITOR": str(editor), "VISUAL": str(editor)}

        def run(*words: str) -> "subprocess.CompletedProcess[str]":
            command = [sys.executable, "-m", "controlplane.cli.main", *words]
            return subprocess.run(command, env={**os.environ, **place}, capture_output=True, text=True, check=False)

        assert run("export", "prod", "-f", str(file)).returncode == 0
        same = run("diff", "-f", str(file))
        assert (same.returncode, same.stdout) == (0, "Nothing differs.\n")
        file.write_text(file.read_text().replace("settings: {}", "settings: {default_sensor_timeout: 99}"))
        different = run("diff", "-f", str(file), "-d", "prod")
        assert (different.returncode, "+default_sensor_timeout: 99" in different.stdout) == (2, True)
        applied = run("apply", "-f", str(file))
        assert (applied.returncode, applied.stderr) == (0, "1 change made.\n")
        assert run("deployment", "settings", "get").stdout == "default_sensor_timeout: 99\n"
        bad.write_text("default_sensor_timeot: 5\n")
        refused = run("deployment", "settings", "set", str(bad))
        assert (refused.returncode, "Line 1: There is no setting" in refused.stderr) == (1, True)
        edited = run("deployment", "settings", "edit")
        assert (edited.returncode, edited.stderr) == (0, "The settings are stored.\n")

    assert settings_of(cast) == {"default_sensor_timeout": 77}


def settings_of(cast: Cast) -> dict[str, Any]:
    with org_scope(cast.org_id):
        found: dict[str, Any] = Deployment.objects.for_org(cast.org_id).get(name="prod").settings
    return found
