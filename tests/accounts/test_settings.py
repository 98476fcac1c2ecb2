"""Settings of accounts that cannot work stop the start, in words."""

import os
import subprocess
import sys

import pytest

START = "import controlplane.config.settings"


def start(**variables):
    return subprocess.run(
        [sys.executable, "-c", START], env={**os.environ, **variables}, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"DAGGERBOARD_SIGN_UP": "everybody"}, "DAGGERBOARD_SIGN_UP='everybody' is not one of open, invited, closed"),
        ({"DAGGERBOARD_EMAIL_URL": "mail.example"}, "It must look like smtp://user:password@host"),
        ({"DAGGERBOARD_GOOGLE_CLIENT_ID": "x"}, "DAGGERBOARD_GOOGLE_CLIENT_SECRET belong together"),
        (
            {"DAGGERBOARD_OIDC_CLIENT_ID": "x", "DAGGERBOARD_OIDC_CLIENT_SECRET": "y"},
            "DAGGERBOARD_OIDC_URL and DAGGERBOARD_OIDC_CLIENT_ID belong together",
        ),
    ],
)
def test_bad_setting_stops_the_start(variables, says):
    done = start(**variables)

    assert (done.returncode, says in done.stderr) == (1, True), done.stderr


def test_good_settings_start():
    assert start(DAGGERBOARD_EMAIL_URL="smtp://mail.example", DAGGERBOARD_SIGN_UP="open").returncode == 0
