"""Worlds to look at: an organization filled through the real services and the real ingest, from nothing to far too much."""

from collections.abc import Sequence
from typing import Any

from agent.protocol import LogChunk, LogStream, Usage
from controlplane.definitions.manifest import (
    Asset,
    Check,
    ConfigField,
    ConfigType,
    Job,
    Manifest,
    PartitionsDefinition,
    Schedule,
)
from controlplane.runs import log_store
from controlplane.runs.models import Run
from controlplane.runs.services import cancel_run
from tests.cast import Cast, make_cast
from tests.factories import asset, make_agent, make_location, make_manifest
from tests.runs.scripts import Sender, Stage

# Names as a hostile or careless user could choose them.
HOSTILE = '<script>alert("x")</script><img src=x onerror=alert(1)>'
LONG = "a_very_long_name_that_goes_on_and_on_" * 8
ANSI = "\x1b[31mred\x1b[0m \x1b[1mbold\x1b[0m"
_DESCRIPTION = (
    "Value **per customer**, from [the orders](https://example.com).\n\n| column | meaning |\n|---|---|\n| `id` | who |"
)


def shop_manifest() -> Manifest:
    """A small, ordinary project."""
    return Manifest(
        manifest_version=1,
        location="shop",
        repository="__repository__",
        dagster_version="1.13.27",
        python_version="3.11.9",
        assets=_shop_assets(),
        checks=[
            Check(asset=["daily_orders"], name="not_empty", description="There are orders every day.", blocking=True),
            Check(asset=["report"], name="totals_agree"),
        ],
        jobs=_shop_jobs(),
        schedules=[Schedule(name="every_night", cron=["0 2 * * *"], job="nightly")],
        partitions_definitions={"daily": _daily()},
        config_types=_config_types(),
    )


def _shop_assets() -> list[Asset]:
    common: dict[str, Any] = {"owners": ["team:sales", "ada@example.com"], "tags": {"domain": "sales", "pii": ""}}
    return [
        asset("raw/orders", group="raw", kinds=["duckdb", "csv"], **common),
        asset("raw/customers", group="raw", kinds=["duckdb"], **common),
        asset(
            "daily_orders", "raw/orders", group="core", kinds=["duckdb"], partitions="daily", code_version="3", **common
        ),
        asset(
            "customer_value", "raw/customers", "daily_orders", group="core", kinds=["python"], description=_DESCRIPTION
        ),
        asset(
            "report", "customer_value", "daily_orders", group="marts", kinds=["plot"], description="The weekly report."
        ),
        asset("churn_model", "customer_value", group="marts", kinds=["python", "sklearn"]),
    ]


def _shop_jobs() -> list[Job]:
    keys = [known.key for known in _shop_assets()]
    return [
        Job(name="__ASSET_JOB", implicit=True, assets=keys, config="root"),
        Job(name="nightly", description="Everything, every night.", assets=keys, config="root", tags={"team": "sales"}),
    ]


def _daily() -> PartitionsDefinition:
    cls = "DailyPartitionsDefinition"
    return PartitionsDefinition(
        kind="time_window", cls=cls, start="2026-08-01T00:00:00", timezone="UTC", fmt="%Y-%m-%d", cron="0 0 * * *"
    )


def _config_types() -> dict[str, ConfigType]:
    ops = [ConfigField(name="raw__orders", type="op", required=False, description="Where the orders come from.")]
    fields = [
        ConfigField(name="url", type="Text", required=True, description="Where to read."),
        ConfigField(name="limit", type="MaybeInt", default="null"),
        ConfigField(name="mode", type="Mode", default='"full"'),
        ConfigField(name="dry_run", type="Bool", default="false"),
        ConfigField(name="columns", type="Texts", default="[]"),
    ]
    return {
        "root": ConfigType(
            kind="STRICT_SHAPE",
            fields=[ConfigField(name="ops", type="ops"), ConfigField(name="execution", type="execution")],
        ),
        "ops": ConfigType(kind="STRICT_SHAPE", fields=ops),
        "op": ConfigType(kind="STRICT_SHAPE", fields=[ConfigField(name="config", type="config", required=True)]),
        "config": ConfigType(kind="STRICT_SHAPE", fields=fields),
        "execution": ConfigType(
            kind="SELECTOR",
            fields=[ConfigField(name="in_process", type="empty"), ConfigField(name="multiprocess", type="empty")],
        ),
        "empty": ConfigType(kind="STRICT_SHAPE", fields=[]),
        "Text": ConfigType(kind="SCALAR", scalar="STRING", given_name="String"),
        "Int": ConfigType(kind="SCALAR", scalar="INT", given_name="Int"),
        "Bool": ConfigType(kind="SCALAR", scalar="BOOL", given_name="Bool"),
        "MaybeInt": ConfigType(kind="NONEABLE", type_params=["Int"]),
        "Mode": ConfigType(kind="ENUM", given_name="Mode", enum=["full", "incremental"]),
        "Texts": ConfigType(kind="ARRAY", type_params=["Text"]),
    }


def make_empty() -> Cast:
    """A new organization: nothing deployed, no agent."""
    return make_cast("empty")


def make_shop() -> Stage:
    """A working deployment: an agent, a location, and runs of every outcome."""
    cast = make_cast("shop")
    agent = make_agent(cast, "office-server")
    make_location(cast, "shop", manifest=shop_manifest(), agents=[agent], deployed={"git_commit": "4f2a9c1d77e0b6a1"})
    stage = Stage(cast, agent)
    for day in range(3):
        succeed(stage, rows=900 + 40 * day)
    fail(stage)
    cancel(stage)
    go_on(stage)
    stage.request(assets=["churn_model"])
    return stage


def succeed(stage: Stage, *, rows: int = 1000) -> Sender:
    """A run of three assets that goes well, with metadata, a check, output and usage."""
    run = stage.claimed(assets=["raw/orders", "raw/customers", "customer_value"], tags={"team": "sales"})
    run.start("raw__orders", "raw__customers", "customer_value")
    for step, key, wall in (
        ("raw__orders", "raw/orders", 2.4),
        ("raw__customers", "raw/customers", 1.1),
        ("customer_value", "customer_value", 3.8),
    ):
        run.event("STEP_START", step=step, message=f'Started execution of step "{step}".')
        run.event("LOG", step=step, message=f"Reading {key} in chunks of 10000")
        _materialize(run, step, key, rows)
        run.event("STEP_SUCCESS", step=step, message=f'Finished "{step}".', usage=_usage(wall))
    print_output(run, "raw__orders", _output(rows))
    finish(run, "PIPELINE_SUCCESS", "Finished execution of the run.")
    return run


def _materialize(run: Sender, step: str, key: str, rows: int) -> None:
    metadata = {
        "rows": {"type": "int", "value": rows},
        "mean_value": {"type": "float", "value": rows / 7},
        "preview": {"type": "md", "value": "| carrier | flights |\n|---|---|\n| UA | 58,665 |\n| DL | 48,110 |"},
        "source": {"type": "url", "value": "https://example.com/orders.csv"},
        "columns": {
            "type": "table_schema",
            "value": {
                "columns": [
                    {"name": "id", "type": "bigint", "description": "Order id"},
                    {"name": "total", "type": "double"},
                ]
            },
        },
    }
    body = {"asset": key.split("/"), "partition": None, "description": None, "metadata": metadata, "tags": {}}
    run.event(
        "ASSET_MATERIALIZATION",
        step=step,
        message=f"Materialized value {key}.",
        data={"materialization": body},
        serdes="{}",
    )


def fail(stage: Stage) -> Sender:
    """A run whose second step fails with a chained error."""
    run = stage.claimed(assets=["customer_value", "report"])
    run.start("customer_value", "report")
    run.event("STEP_START", step="customer_value", message='Started execution of step "customer_value".')
    run.event("LOG", step="customer_value", level=30, message="3 orders have no customer; they are left out")
    run.event("STEP_SUCCESS", step="customer_value", usage=_usage(1.4))
    run.event("STEP_START", step="report", message='Started execution of step "report".')
    run.event("LOG", step="report", level=40, message="Could not draw the plot")
    run.event(
        "STEP_FAILURE",
        step="report",
        level=40,
        message='Execution of step "report" failed.',
        error=_error(),
        usage=_usage(0.3),
    )
    print_output(run, "report", b"drawing\n", stream=LogStream.STDERR)
    finish(run, "PIPELINE_FAILURE", 'Execution of run failed. Steps failed: ["report"].', level=40)
    return run


def _error() -> dict[str, Any]:
    cause = {
        "cls": "KeyError",
        "message": "'carrier'",
        "stack": ['  File "/app/shop/frames.py", line 18, in column\n    return frame[name]\n'],
        "cause": None,
        "context": None,
    }
    stack = [
        '  File "/app/shop/assets.py", line 41, in report\n    plot(frame)\n',
        '  File "/app/shop/plots.py", line 12, in plot\n    raise ValueError(...) from error\n',
    ]
    return {
        "cls": "ValueError",
        "message": "the frame has no column carrier",
        "stack": stack,
        "cause": cause,
        "context": None,
    }


def cancel(stage: Stage) -> Run:
    """A run that was cancelled while it waited."""
    run = stage.request(assets=["churn_model"])
    return cancel_run(org_id=stage.org_id, run_id=run.id, actor=stage.cast.actor)


def go_on(stage: Stage) -> Sender:
    """A run in the middle of its second step."""
    run = stage.claimed(assets=["daily_orders"], partition="2026-11-18")
    run.start("read_orders", "daily_orders", "publish")
    run.event("STEP_START", step="read_orders", message='Started execution of step "read_orders".')
    run.event("STEP_SUCCESS", step="read_orders", usage=_usage(0.4))
    run.event("STEP_START", step="daily_orders", message='Started execution of step "daily_orders".')
    run.say("LOG", step="daily_orders", message="Reading 2026-11-18")
    print_output(run, "daily_orders", _output(40), final=False)
    return run


def finish(run: Sender, event: str, message: str, *, level: int = 20) -> None:
    run.event(event, message=message, level=level, data={"reason": None} if event == "PIPELINE_FAILURE" else None)
    run.say(
        "AGENT_EXITED",
        message="The run's process ended.",
        data={"exit_code": 0, "signal": None, "cpu_seconds": 1.0, "max_rss_bytes": 9**8, "reason": "finished"},
    )


def print_output(
    run: Sender, key: str, data: bytes, *, stream: LogStream = LogStream.STDOUT, final: bool = True
) -> None:
    """What a step printed."""
    chunk = LogChunk(
        run_id=str(run.run_id),
        attempt=run.claim.attempt,
        epoch=run.claim.epoch,
        log_key=key,
        stream=stream,
        offset=0,
        data=data,
        final=final,
    )
    log_store.append(org_id=run.stage.org_id, agent_id=run.stage.agent.id, chunk=chunk)


def _output(lines: int) -> bytes:
    text = [
        f"\x1b[32m2026-11-20 12:00:{i % 60:02d}\x1b[0m row {i:>6} \x1b[1mdone\x1b[0m in {i % 13} ms\n"
        for i in range(lines)
    ]
    return "".join(text).encode()


def _usage(wall: float) -> Usage:
    return Usage(wall_seconds=wall, cpu_seconds=wall * 0.8, peak_rss_bytes=int(2.1e8), gib_seconds=wall * 0.2)


def make_hostile() -> Stage:
    """Names and texts that try to break the page."""
    keys = [HOSTILE, LONG, "a/b\\/c", "..", ANSI, "汉字/データ"]
    assets = [asset(keys[0], group="g", kinds=[HOSTILE], owners=[LONG], tags={HOSTILE: LONG}, description=HOSTILE)]
    assets += [asset(key, keys[0]) for key in keys[1:]]
    cast = make_cast("hostile")
    agent = make_agent(cast, LONG[:100])
    make_location(cast, HOSTILE[:60], manifest=make_manifest(assets, location=HOSTILE[:60]), agents=[agent])
    stage = Stage(cast, agent)
    run = stage.claimed(assets=[keys[0]], tags={HOSTILE: LONG})
    run.start(HOSTILE)
    run.event("STEP_START", step=HOSTILE, message=HOSTILE)
    run.event("LOG", step=HOSTILE, level=40, message=f"{ANSI} {LONG * 20}")
    run.event(
        "STEP_FAILURE",
        step=HOSTILE,
        level=40,
        message=HOSTILE,
        error={"cls": HOSTILE, "message": LONG * 5, "stack": [HOSTILE]},
    )
    print_output(
        run, HOSTILE, f"{HOSTILE}\n{ANSI}\nprogress 1%\rprogress 100%\n\u202e reversed\n{'x' * 50_000}\n".encode()
    )
    finish(run, "PIPELINE_FAILURE", HOSTILE, level=40)
    return stage


def make_many(count: int = 5000) -> Stage:
    """A deployment of thousands of assets in layers."""
    layers = max(2, count // 160)
    keys = [[f"layer_{layer:02d}/table_{row:03d}" for row in range(count // layers)] for layer in range(layers)]
    assets = [asset(key, group="layer_00", kinds=["duckdb"]) for key in keys[0]]
    for layer in range(1, layers):
        assets += [_downstream(keys[layer - 1], key, layer, row) for row, key in enumerate(keys[layer])]
    cast = make_cast("many")
    agent = make_agent(cast, "big-box")
    make_location(cast, "warehouse", manifest=make_manifest(assets, location="warehouse"), agents=[agent])
    return Stage(cast, agent)


def _downstream(above: Sequence[str], key: str, layer: int, row: int) -> Asset:
    ups = {above[row], above[(row * 7 + layer) % len(above)]}
    return asset(key, *sorted(ups), group=f"layer_{layer:02d}", kinds=["duckdb"])
