"""What `daggerboard env` does: variables over REST, `.env` files on disk, and values sealed before they are sent."""

import base64
import os
import re
from pathlib import Path
from typing import Any

from agent.sealed_box import seal_box
from controlplane.cli.api_client import ApiClient
from controlplane.cli.errors import CommandError, ExitCode
from controlplane.cli.output import say_json, say_table
from controlplane.cli.profile import load_profile
from controlplane.embedded.files import write_private

_SCOPES = {"full": "full_deployment", "branches": "all_branch_deployments", "local": "local"}
_STORES = {"aws": "aws_secrets_manager", "vault": "vault", "kubernetes": "kubernetes"}
_ASSIGNMENT = re.compile(r"^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=")


def client(deployment: str | None) -> ApiClient:
    """A connection for the commands of one deployment."""
    return ApiClient(load_profile(deployment=deployment))


def scopes_of(words: list[str]) -> dict[str, Any]:
    """`full`, `branches`, `local`, or `branch:<name>` alone, as the API writes it."""
    found: dict[str, Any] = {}
    for word in words:
        if word.startswith("branch:"):
            found["branch_deployment"] = word.removeprefix("branch:")
        elif word in _SCOPES:
            found[_SCOPES[word]] = True
        else:
            raise CommandError(
                f"There is no scope {word}: full, branches, local or branch:<name>.", exit_code=ExitCode.USAGE
            )
    return found


def reference_of(text: str) -> dict[str, str]:
    """`vault:secret/db#password`, `aws:<arn>` or `kubernetes:name#key`."""
    store, colon, secret = text.partition(":")
    if not colon or store not in _STORES:
        raise CommandError(f"A reference is {', '.join(_STORES)}, a colon and the secret.", exit_code=ExitCode.USAGE)
    return {"store": _STORES[store], "secret": secret}


def list_variables(*, deployment: str | None, as_json: bool) -> None:
    """Names, scopes and kinds."""
    with client(deployment) as api:
        found = list(api.pages("environment/", limit=1000))
    if as_json:
        say_json(found)
        return
    rows = ((v["name"], scope_words(v["scopes"]), ", ".join(v["locations"]) or "all", v["kind"]) for v in found)
    say_table(("NAME", "HOLDS IN", "CODE LOCATIONS", "VALUE"), rows, empty="There is no variable yet.")


def set_variable(
    name: str, content: dict[str, Any], *, wanted: dict[str, Any], seal: bool, deployment: str | None
) -> str:
    """Create it, or change the one with the same scopes and code locations; which of the two, as a word."""
    with client(deployment) as api:
        if seal:
            content = {"sealed_boxes": _boxes(api, name, content["value"])}
        body = {"name": name, **wanted, **content}
        known = _same(api, name, wanted)
        if known is None:
            api.post("environment/", body)
            return "added"
        api.put(f"environment/{known['id']}/", body)
        return "changed"


def unset_variable(name: str, *, wanted: dict[str, Any], deployment: str | None) -> None:
    """Take away the one with these scopes and code locations."""
    with client(deployment) as api:
        known = _same(api, name, wanted)
        if known is None:
            raise CommandError(
                f"There is no {name} with this scope and these code locations.", exit_code=ExitCode.NOT_FOUND
            )
        api.delete(f"environment/{known['id']}/")


def pull(path: Path, *, deployment: str | None) -> tuple[int, list[str]]:
    """Write the local variables into a `.env` file, keeping lines of other names; how many, and which could not be read."""
    with client(deployment) as api:
        answer = api.post("environment/export/", {"scope": "local"})
    lines = answer["text"].splitlines()
    names = {found[1] for line in lines if (found := _ASSIGNMENT.match(line))}
    kept = [line for line in _lines(path) if not ((found := _ASSIGNMENT.match(line)) and found[1] in names)]
    write_private(path, "".join(f"{line}\n" for line in (*kept, *lines)))
    return len(lines), list(answer["left_out"])


def push(path: Path, *, wanted: dict[str, Any], dry_run: bool, deployment: str | None) -> dict[str, Any]:
    """Import a `.env` file: all of it, or nothing and every error by its line."""
    body = {"text": "\n".join(_lines(path, must=True)) + "\n", "dry_run": dry_run, **wanted}
    with client(deployment) as api:
        return dict(api.post("environment/import/", body))


def effective(location: str, *, deployment: str | None) -> list[dict[str, Any]]:
    """What a code location gets."""
    with client(deployment) as api:
        return list(api.get("environment/effective/", location=location))


def value_from_environment(name: str) -> str:
    """The value that the variable has in this shell."""
    if name not in os.environ:
        raise CommandError(f"{name} is not set here.", exit_code=ExitCode.USAGE)
    return os.environ[name]


def scope_words(scopes: dict[str, Any]) -> str:
    """As people read it."""
    if scopes["branch_deployment"]:
        return f"branch {scopes['branch_deployment']}"
    return ", ".join(word for word, field in _SCOPES.items() if scopes[field])


def _same(api: ApiClient, name: str, wanted: dict[str, Any]) -> dict[str, Any] | None:
    given, locations = wanted["scopes"], sorted(wanted["locations"])
    for known in api.pages("environment/", limit=1000):
        held = {field: value for field, value in known["scopes"].items() if value}
        if known["name"] == name and held == given and known["locations"] == locations:
            return known
    return None


def _boxes(api: ApiClient, name: str, value: str) -> dict[str, str]:
    keys = api.get("environment/agent-keys/")
    if not keys:
        raise CommandError("No agent has told its public key yet, so there is nobody to seal the value to.")
    return {key["key_id"]: seal_box(base64.b64decode(key["public_key"]), name, value) for key in keys}


def _lines(path: Path, *, must: bool = False) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError as error:
        if not must:
            return []
        raise CommandError(f"There is no file {path}.", exit_code=ExitCode.USAGE) from error
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{path} cannot be read: {error}", exit_code=ExitCode.USAGE) from error
