"""Who goes on behind the last event that was read misses none: also none of a transaction that was slow to commit."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from controlplane.core.threads import with_connections_returned
from controlplane.runs import instance_view
from controlplane.runs.instance_scope import Scope
from controlplane.runs.states import RunStatus
from controlplane.runs.transitions import move_run
from tenants.scoping import org_scope
from tests.runs.scripts import Sender, Stage, make_stage, materialization

_PATIENCE_SECONDS = 200


def ask(stage: Stage, method: str, **args: Any) -> Any:
    """As a sensor's tick does."""
    scope = Scope(stage.org_id, stage.cast.deployment.id)
    with org_scope(stage.org_id):
        return instance_view.answer_within(lambda: scope, method, args)


def ids(stage: Stage, method: str, **args: Any) -> list[int]:
    return [record["id"] for record in ask(stage, method, ascending=True, **args)["records"]]


def make(sender: Sender, asset: str) -> None:
    """One partition of the asset, and the run failed."""
    with org_scope(sender.stage.org_id):
        sender.event("ASSET_MATERIALIZATION", step=asset, data=materialization(asset, "a"), serdes='"made"')
        sender.flush()
        move_run(org_id=sender.stage.org_id, run_id=sender.run_id, status=RunStatus.FAILURE)


def test_what_commits_late_is_not_read_past() -> None:
    stage = make_stage()
    slow, quick = stage.claimed(), stage.claimed()
    slow.start("other")
    quick.start("raw")
    failures = {"type": "PIPELINE_FAILURE", "after_id": ask(stage, "max_event_id") or 0}
    made = {"kind": "materialization", "asset": ["raw"]}
    written, commit = threading.Event(), threading.Event()

    def write() -> None:
        with org_scope(stage.org_id):
            make(slow, "other")
            written.set()
            assert commit.wait(_PATIENCE_SECONDS)

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(with_connections_returned, write)
        try:
            assert written.wait(_PATIENCE_SECONDS)
            make(quick, "raw")
            early = ids(stage, "run_status_changes", **failures), ids(stage, "asset_events", **made)
            newest, [record] = ask(stage, "max_event_id"), ask(stage, "asset_records", assets=[["raw"]])
            partitions = ask(stage, "materialized_partitions", asset=["raw"], after_id=0)
        finally:
            commit.set()
        writing.result()
    changed, [late] = ids(stage, "run_status_changes", **failures), ids(stage, "asset_events", **made)
    assert len(changed) == 2
    # Whatever was taken for a cursor, what came late is behind it.
    assert max(newest, record["id"]) < changed[0]
    assert (early, partitions, record["materialization"]) == (([], []), [], None)
    assert ask(stage, "max_event_id") >= late
    [record] = ask(stage, "asset_records", assets=[["raw"]])
    assert record["materialization"]["id"] == late
