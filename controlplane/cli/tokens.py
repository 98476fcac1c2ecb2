"""What `daggerboard tokens` does, over REST."""

import datetime
from typing import Any
from uuid import UUID

from controlplane.cli.api_client import ApiClient
from controlplane.cli.errors import CommandError, ExitCode
from controlplane.cli.output import console, say_fields, say_json, say_table
from controlplane.cli.profile import load_profile


def print_tokens(*, kind: str | None, holder: str | None, as_json: bool) -> None:
    """The tokens that the caller may manage."""
    with _client() as client:
        found = list(client.pages(_path(client, "tokens/"), kind=kind, holder=holder))
    if as_json:
        say_json(found)
        return
    rows = (
        (t["id"], t["kind"], t["name"], t["user"] or t["service_account"], t["expires_at"], t["last_used_at"])
        for t in found
    )
    say_table(("id", "kind", "name", "holder", "expires", "last used"), rows, empty="There is no such token.")


def create_token(
    request: dict[str, Any],
    *,
    days: int | None,
    service_account: str | None,
    new_role: str | None,
    deployment: str | None,
    as_json: bool,
) -> None:
    """Make it and print it. With `new_role` a service account that is missing is made, and given the role in the deployment and its branches."""
    request |= {"expires_at": _in(days=days)} if days else {}
    with _client(deployment) as client:
        if service_account is not None:
            account = _account(client, service_account, new_role)
            where = f"service-accounts/{account['id']}/tokens/"
        else:
            where = "tokens/"
        issued = client.post(_path(client, where), request)
    _say(issued, as_json=as_json)


def rotate_token(token: str, *, days: int | None, keep_old_hours: int | None, as_json: bool) -> None:
    """Make the token that replaces this one, and print it."""
    token = _token_id(token)
    request = {"expires_at": _in(days=days)} if days else {}
    request |= {"old_expires_at": _in(hours=keep_old_hours)} if keep_old_hours else {}
    with _client() as client:
        issued = client.post(_path(client, f"tokens/{token}/rotate/"), request)
    _say(issued, as_json=as_json)


def revoke_token(token: str) -> None:
    """Kill it."""
    token = _token_id(token)
    with _client() as client:
        client.delete(_path(client, f"tokens/{token}/"))
    console.print("Revoked. It is refused everywhere within five seconds.")


def _token_id(text: str) -> str:
    """The id as it was given; what is no id is not sent, so that a refusal can be about what was typed."""
    try:
        return str(UUID(text))
    except ValueError as error:
        raise CommandError(
            f"There is no token {text}. Give its whole id, as `daggerboard tokens list` shows it.",
            exit_code=ExitCode.NOT_FOUND,
        ) from error


def _account(client: ApiClient, name: str, new_role: str | None) -> dict[str, Any]:
    for account in client.pages(_path(client, "service-accounts/")):
        if account["name"].casefold() == name.casefold():
            return account
    if new_role is None:
        raise CommandError(f"There is no service account called {name}.", exit_code=ExitCode.NOT_FOUND)
    made: dict[str, Any] = client.post(_path(client, "service-accounts/"), {"name": name})
    # CI deploys pull requests as well.
    for scope in ("deployment", "branches_of"):
        grant = {
            "service_account": made["id"],
            "role": new_role,
            "scope": scope,
            "deployment": client.profile.deployment,
        }
        client.post(_path(client, "grants/"), grant)
    return made


def _say(issued: dict[str, Any], *, as_json: bool) -> None:
    """The text of a token is shown here and never again."""
    if as_json:
        say_json(issued)
        return
    holder = issued["user"] or issued["service_account"] or "agents"
    say_fields({"id": issued["id"], "name": issued["name"], "holder": holder, "expires": issued["expires_at"]})
    print(issued["token"])
    console.print("This is the only time it is shown. Keep it in a secret store.", style="dim")


def _client(deployment: str | None = None) -> ApiClient:
    return ApiClient(load_profile(deployment=deployment))


def _path(client: ApiClient, rest: str) -> str:
    return f"/api/v1/organizations/{client.profile.organization}/{rest}"


def _in(**span: int) -> str:
    return (datetime.datetime.now(tz=datetime.UTC) + datetime.timedelta(**span)).isoformat()
