"""`daggerboard pool …`: concurrency pools, their limits, and who holds their slots."""

from typing import Annotated, Any

import typer

from controlplane.cli.api_client import ApiClient
from controlplane.cli.nearest import hint
from controlplane.cli.options import Deployment, Json
from controlplane.cli.output import errors, minute, say_fields, say_json, say_table
from controlplane.cli.profile import load_profile
from controlplane.cli.runs import find_run
from controlplane.cli.words import unknown

app = typer.Typer(no_args_is_help=True, help="Concurrency pools: their limits, and who holds their slots.")

Name = Annotated[str, typer.Argument(metavar="POOL", help="The pool's name.")]


@app.command(name="list")
def list_(deployment: Deployment = None, as_json: Json = False) -> None:
    """List the pools that code names or that have a limit, with how much of them is taken."""
    with ApiClient(load_profile(deployment=deployment)) as client:
        found = client.get("pools/")
    if as_json:
        say_json(found)
        return
    rows = (
        [one["name"], _limit(one), one["used"], one["steps_waiting"], one["runs_waiting"]] for one in found["pools"]
    )
    empty = 'No code of this deployment names a pool, as in @asset(pool="warehouse").'
    say_table(("NAME", "LIMIT", "TAKEN", "STEPS WAITING", "RUNS QUEUED"), rows, empty=empty)


@app.command()
def show(pool: Name, deployment: Deployment = None, as_json: Json = False) -> None:
    """Show one pool: who holds its slots, and who stands in line."""
    with ApiClient(load_profile(deployment=deployment)) as client:
        found = _one(client.get("pools/"), pool)
    if as_json:
        say_json(found)
        return
    _say(found)
    slots = [("holds", one) for one in found["holders"]] + [("waits", one) for one in found["line"]]
    rows = ([one["run_id"] or "of others", state, one["step_key"], minute(one["since"])] for state, one in slots)
    say_table(("RUN", "SLOT", "STEP", "SINCE"), rows, empty="Nobody holds a slot.")


@app.command(name="set")
def set_(
    pool: Name,
    limit: Annotated[int, typer.Argument(min=0, max=1000, help="Slots at most; 0 lets nothing run.")],
    deployment: Deployment = None,
    as_json: Json = False,
) -> None:
    """Give a pool a limit of its own. It holds at once; who has a slot keeps it."""
    _set(pool, limit, deployment, as_json=as_json)


@app.command()
def unset(pool: Name, deployment: Deployment = None, as_json: Json = False) -> None:
    """Let the deployment's default limit hold for a pool again."""
    _set(pool, None, deployment, as_json=as_json)


@app.command()
def free(
    pool: Name,
    run: Annotated[str, typer.Argument(help="The run that holds the slot, or the beginning of its id.")],
    step: Annotated[
        str, typer.Option(help="The step that holds it, where the run does not for all of its steps.")
    ] = "",
    deployment: Deployment = None,
) -> None:
    """Give back a slot whose holder does not. A step that goes on then runs beside the next one."""
    with ApiClient(load_profile(deployment=deployment)) as client:
        _one(client.get("pools/"), pool)
        client.post("pools/free/", {"pool": pool, "run": find_run(client, run), "step": step})
    print("The slot is free.")


def _set(pool: str, limit: int | None, deployment: str | None, *, as_json: bool) -> None:
    with ApiClient(load_profile(deployment=deployment)) as client:
        if limit is None:
            _one(client.get("pools/"), pool)
        pools = client.put("pools/", {"pool": pool, "limit": limit})["pools"]
    found = next((one for one in pools if one["name"] == pool), None)
    if found is None or not found["is_defined"]:
        # Before the code that names it is deployed, this is right; otherwise it is a typing error.
        near = hint(pool, (one["name"] for one in pools if one["is_defined"]), what="pools")
        errors.print(f"No code of this deployment names the pool {pool}. {near}".strip(), markup=False)
    if as_json:
        say_json(found)
    elif found:
        _say(found)


def _one(found: dict[str, Any], name: str) -> dict[str, Any]:
    """The pool of this name; CommandError that names the nearest."""
    by_name: dict[str, dict[str, Any]] = {one["name"]: one for one in found["pools"]}
    if name not in by_name:
        raise unknown("pool", name, by_name)
    return by_name[name]


def _say(found: dict[str, Any]) -> None:
    waiting = {"steps waiting": found["steps_waiting"], "runs queued": found["runs_waiting"]}
    say_fields({"pool": found["name"], "limit": _limit(found), "taken": found["used"], **waiting})


def _limit(found: dict[str, Any]) -> str:
    if found["limit"] is None:
        return "none"
    return str(found["limit"]) if found["is_own"] else f"{found['limit']} (default)"
