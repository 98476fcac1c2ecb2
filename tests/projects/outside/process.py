"""A process of Pipes: says lines, then what it made and checked."""

import time
from itertools import count
from pathlib import Path

from daggerboard_pipes import PipesHttpContextLoader, PipesHttpMessageWriter
from dagster_pipes import PipesEnvVarParamsLoader, open_dagster_pipes

params = PipesEnvVarParamsLoader()
over_http = "url" in params.load_context_params()
parts = {"context_loader": PipesHttpContextLoader(), "message_writer": PipesHttpMessageWriter()} if over_http else {}

with open_dagster_pipes(**parts) as pipes:
    for number in count():
        if number >= pipes.get_extra("lines") and (
            not pipes.get_extra("until") or Path(pipes.get_extra("until")).exists()
        ):
            break
        pipes.log.info(f"outside {number}")
        time.sleep(0.05)
    pipes.report_asset_materialization(metadata={"rows": {"raw_value": 12, "type": "int"}}, data_version="made-outside")
    pipes.report_asset_check(check_name="not_empty", passed=True, metadata={"looked_at": 12})
