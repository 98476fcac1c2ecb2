"""Which control plane a command talks to: flags first, then DAGGERBOARD_* variables, then the `up` of this checkout."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

import httpx

from controlplane.cli.errors import CommandError, ExitCode
from controlplane.embedded.files import write_private
from controlplane.embedded.state import locate_home

FILE_NAME = "cli.json"


@dataclass(frozen=True)
class Profile:
    """Address, token, and the organization and deployment that are meant when none is named."""

    url: str
    token: str
    organization: str
    deployment: str

    @property
    def organization_path(self) -> str:
        return f"/api/v1/organizations/{self.organization}"

    @property
    def deployment_url(self) -> str:
        """Where the deployment's pages are."""
        return f"{self.url}/{self.organization}/{self.deployment}/"

    @property
    def deployment_path(self) -> str:
        return f"{self.organization_path}/deployments/{self.deployment}"


def home() -> Path:
    """The state folder of the embedded Daggerboard."""
    return locate_home(os.environ)


def save_profile(profile: Profile) -> None:
    """Remember the profile of an embedded Daggerboard, readable by its owner only."""
    write_private(home() / FILE_NAME, json.dumps(profile.__dict__, indent=1))


def load_profile(*, deployment: str | None = None) -> Profile:
    """The profile in force; CommandError says how to make one.

    SECURITY: what `up` stored counts for the address that it was stored for, and for no other.
    """
    given = _given(without={"deployment"} if deployment else set())
    saved = _saved()
    if "url" in given and not _is_same_address(given["url"], saved.get("url", "")):
        saved = {}
    known = saved | given | ({"deployment": deployment} if deployment else {})
    missing = [name for key, name in _VARIABLES.items() if not known.get(key)]
    if missing:
        where = f"Of {given['url']} not everything is known" if "url" in given else "No control plane is known here"
        start = "" if "url" in given else "start one with `make up`, or "
        raise CommandError(f"{where}: {start}set {', '.join(missing)}.", exit_code=ExitCode.NOT_SIGNED_IN)
    return Profile(**known)


def _given(*, without: set[str]) -> dict[str, str]:
    """What the environment says; CommandError for a variable that is set to nothing: nobody knows what was meant."""
    found = {key: os.environ[name] for key, name in _VARIABLES.items() if name in os.environ and key not in without}
    empty = [_VARIABLES[key] for key, value in found.items() if not value.strip()]
    if empty:
        raise CommandError(
            f"{', '.join(empty)} is set, but empty: give it a value, or unset it.", exit_code=ExitCode.NOT_SIGNED_IN
        )
    return found


def _is_same_address(one: str, other: str) -> bool:
    """Whether both are the same server and path; spelling apart."""
    try:
        first, second = (httpx.URL(url.strip().rstrip("/")) for url in (one, other))
    except httpx.InvalidURL:
        return False
    return first == second


_VARIABLES = {
    "url": "DAGGERBOARD_URL",
    "token": "DAGGERBOARD_TOKEN",
    "organization": "DAGGERBOARD_ORGANIZATION",
    "deployment": "DAGGERBOARD_DEPLOYMENT",
}


def _saved() -> dict[str, str]:
    path = home() / FILE_NAME
    try:
        return {key: str(value) for key, value in json.loads(path.read_text()).items() if key in _VARIABLES}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise CommandError(f"{path} cannot be read ({error}). Remove it and run `make up` again.") from error
