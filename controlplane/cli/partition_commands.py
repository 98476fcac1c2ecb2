"""`daggerboard partition …`: the keys of dynamic partitions."""

import itertools
from pathlib import Path
from typing import Annotated

import typer

from controlplane.cli.api_client import ApiClient
from controlplane.cli.errors import CommandError, ExitCode
from controlplane.cli.options import Deployment, Json, Yes
from controlplane.cli.output import confirm, errors, minute, say_json, say_table
from controlplane.cli.profile import load_profile
from controlplane.cli.words import content_of, unknown

app = typer.Typer(
    no_args_is_help=True, help="Dynamic partitions: which there are, their keys, adding and deleting some."
)

# As many as one request may have.
_KEYS_MAX = 10_000
_PATH = "dynamic-partitions/keys/"
Definition = Annotated[str, typer.Argument(metavar="DEFINITION", help="The name of the dynamic partitions definition.")]
Keys = Annotated[list[str] | None, typer.Argument(metavar="KEY", help="The partition keys.")]
File = Annotated[
    Path | None, typer.Option("--file", "-f", help="A file with a key on each line; - for standard input.")
]


@app.command(name="list")
def list_(
    definition: Annotated[
        str | None, typer.Argument(help="List the keys of this definition; without it, the definitions.")
    ] = None,
    search: Annotated[str | None, typer.Option(help="Only keys that contain this.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="So many keys at most.")] = 1000,
    deployment: Deployment = None,
    as_json: Json = False,
) -> None:
    """List dynamic partitions definitions, or the keys of one in the order in which they were added."""
    with ApiClient(load_profile(deployment=deployment)) as client:
        if definition is None:
            if search:
                raise CommandError("--search is for the keys of a definition: name it.", exit_code=ExitCode.USAGE)
            found = client.get("dynamic-partitions/")
        else:
            _require(client, definition)
            pages = client.pages(_PATH, definition=definition, q=search, limit=min(limit + 1, 1000))
            found = list(itertools.islice(pages, limit + 1))
    if definition is not None and len(found) > limit:
        found = found[:limit]
        errors.print(f"There are more than {limit} keys: say how many with --limit.", markup=False)
    if as_json:
        say_json(found)
    elif definition is None:
        rows = ([one["name"], one["count"], ", ".join([*one["assets"], *one["jobs"]])] for one in found)
        empty = "Nothing in this deployment has dynamic partitions."
        say_table(("NAME", "KEYS", "PARTITIONED BY IT"), rows, empty=empty)
    else:
        rows = ([one["partition_key"], minute(one["created_at"])] for one in found)
        say_table(("KEY", "ADDED"), rows, empty="No key is like that." if search else "It has no keys yet.")


@app.command()
def add(
    definition: Definition,
    keys: Keys = None,
    file: File = None,
    deployment: Deployment = None,
    as_json: Json = False,
) -> None:
    """Add keys behind those that are there. Says which were new."""
    wanted = _wanted(keys, file)
    with ApiClient(load_profile(deployment=deployment)) as client:
        _require(client, definition)
        added = [key for part in _parts(wanted) for key in client.post(_PATH, _body(definition, part))["keys"]]
    _say(definition, added, wanted, "added", "there already", as_json=as_json)


@app.command()
def delete(
    definition: Definition,
    keys: Keys = None,
    file: File = None,
    yes: Yes = False,
    deployment: Deployment = None,
    as_json: Json = False,
) -> None:
    """Delete keys. What was materialized for them stays in the assets' history."""
    wanted = _wanted(keys, file)
    with ApiClient(load_profile(deployment=deployment)) as client:
        _require(client, definition)
        confirm(f"Delete {_keys(len(wanted))} of {definition}?", yes=yes)
        deleted = [key for part in _parts(wanted) for key in client.delete(_PATH, _body(definition, part))["keys"]]
    _say(definition, deleted, wanted, "deleted", "not there", as_json=as_json)


def _wanted(keys: list[str] | None, file: Path | None) -> list[str]:
    """The keys, each once; CommandError when there are none."""
    if bool(keys) == bool(file):
        raise CommandError("Name keys, or a file of them with --file.", exit_code=ExitCode.USAGE)
    found = list(keys or ())
    if file:
        try:
            text = content_of(file)
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"{file} cannot be read: {error}", exit_code=ExitCode.USAGE) from error
        found = [line for line in text.splitlines() if line.strip()]
    if not found:
        raise CommandError(f"There is no key in {file}.", exit_code=ExitCode.USAGE)
    return list(dict.fromkeys(found))


def _require(client: ApiClient, name: str) -> None:
    known = [one["name"] for one in client.get("dynamic-partitions/")]
    if name not in known:
        raise unknown("dynamic partitions definition", name, known)


def _parts(keys: list[str]) -> list[list[str]]:
    return [keys[at : at + _KEYS_MAX] for at in range(0, len(keys), _KEYS_MAX)]


def _body(definition: str, keys: list[str]) -> dict[str, object]:
    return {"definition": definition, "keys": keys}


def _say(definition: str, changed: list[str], wanted: list[str], done: str, left: str, *, as_json: bool) -> None:
    if as_json:
        say_json({"definition": definition, "keys": changed})
        return
    rest = len(wanted) - len(changed)
    more = f", {_keys(rest)} {'was' if rest == 1 else 'were'} {left}" if rest else ""
    print(f"{_keys(len(changed))} of {definition} {done}{more}.")


def _keys(number: int) -> str:
    return "1 key" if number == 1 else f"{number:,} keys"
