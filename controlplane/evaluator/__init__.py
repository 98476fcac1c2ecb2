"""Dagster's own brain over stored definitions: conditions and plans of backfills. The only importer of dagster, and it has no user code.

It runs as processes of its own (`python -m controlplane.config.evaluator`), which serve one Celery queue; others enqueue its tasks by
name. Where dagster asks its instance, it is answered by the same view that code workers see (daggerboard_worker's storages), without a socket.
"""
