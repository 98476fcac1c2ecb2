"""Steps in concurrency pools, and one that needs memory."""

import dagster as dg


@dg.op(pool="db")
def first() -> int:
    return 1


@dg.op(pool="db")
def second() -> int:
    return 2


@dg.op
def free() -> int:
    return 3


@dg.job(executor_def=dg.in_process_executor)
def pooled_job() -> None:
    first()
    second()


@dg.job(executor_def=dg.in_process_executor)
def free_job() -> None:
    free()


@dg.op
def hungry() -> int:
    return len(bytearray(400 * 2**20))


@dg.job(executor_def=dg.in_process_executor)
def hungry_job() -> None:
    hungry()


defs = dg.Definitions(jobs=[pooled_job, free_job, hungry_job])
