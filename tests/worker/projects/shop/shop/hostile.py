"""Output that no reader should have to trust."""

from concurrent.futures import ThreadPoolExecutor

import dagster as dg


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError("no")


@dg.asset(group_name="hostile")
def hostile_metadata(context):
    deep: list = []
    for _ in range(10_000):
        deep = [deep]
    return dg.MaterializeResult(
        metadata={
            "nan": float("nan"),
            "infinite": float("-inf"),
            "huge": 10**400,
            "gigantic": 10**5000,
            "surrogate": "a\ud800b",
            "nul": "a\x00b",
            "html": "<script>alert(1)</script>\x1b[31m",
            "deep": dg.MetadataValue.json(deep),
            "nested_nan": dg.MetadataValue.json({"x": [float("nan"), 2**60]}),
            "long": "x" * 1_000_000,
            "big_json": dg.MetadataValue.json({str(number): "y" * 100 for number in range(20_000)}),
            "\ud800name": 1,
        }
    )


@dg.asset(group_name="hostile")
def hostile_logs(context):
    context.log.info("a\ud800b\x00c")
    context.log.info("z" * 300_000)


@dg.asset(group_name="hostile")
def hostile_error():
    raise ValueError("boom \ud800 " + "e" * 2_000_000)


@dg.asset(group_name="hostile")
def recursive_error():
    def down(depth: int) -> None:
        down(depth + 1)

    down(0)


@dg.asset(group_name="hostile")
def one_long_line():
    print("x" * 20_000_000)


@dg.asset(group_name="hostile")
def recursive_in_a_thread():
    def down(depth: int) -> list:
        return sorted([1], key=lambda _: down(depth + 1))

    with ThreadPoolExecutor(1) as pool:
        pool.submit(down, 0).result()


@dg.asset(group_name="hostile")
def hostile_tags():
    return dg.MaterializeResult(tags={f"tag{number}": "v" * 60 for number in range(16_000)})
