"""What happens outside of runs: Pipes to a subprocess and to a process elsewhere, an observable source, and an asset made elsewhere."""

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
from daggerboard_pipes.step import open_http_pipes_session

HERE = Path(__file__).parent


@dg.asset(check_specs=[dg.AssetCheckSpec("not_empty", asset="beside")])
def beside(context: dg.AssetExecutionContext, pipes: dg.PipesSubprocessClient):
    """Made by a subprocess, over dagster's own files."""
    return pipes.run(
        command=[sys.executable, str(HERE / "process.py")], context=context, extras={"lines": 3, "until": ""}
    ).get_results()


class Patience(dg.Config):
    """The file that lets the process end."""

    until: str


@dg.asset(check_specs=[dg.AssetCheckSpec("not_empty", asset="far_away")])
def far_away(context: dg.AssetExecutionContext, config: Patience):
    """Made by a process that knows nothing but what Pipes gives it."""
    with open_http_pipes_session(context, extras={"lines": 60, "until": config.until, "over": "http"}) as session:
        environment = {"PATH": os.environ["PATH"], **session.get_bootstrap_env_vars()}
        subprocess.run([sys.executable, str(HERE / "process.py")], env=environment, check=True)
    yield from session.get_results()


@dg.observable_source_asset
def watched() -> dg.DataVersion:
    return dg.DataVersion("seen-1")


elsewhere = dg.AssetSpec("elsewhere")


@dg.asset(deps=[elsewhere])
def reader(context: dg.AssetExecutionContext) -> None:
    """Reads what was reported about an asset that no run makes."""
    event = context.instance.get_latest_materialization_event(dg.AssetKey("elsewhere"))
    made = event.asset_materialization if event else None
    context.log.info(f"elsewhere: {made and made.metadata['rows'].value} rows, version {made and made.tags}")


defs = dg.Definitions(
    assets=[beside, far_away, watched, elsewhere, reader], resources={"pipes": dg.PipesSubprocessClient()}
)
