import os

import dagster as dg


def link(number: int) -> dg.AssetsDefinition:
    upstream = [f"link_{number - 1:05}"] if number else []

    @dg.asset(name=f"link_{number:05}", deps=upstream)
    def one(): ...

    return one


defs = dg.Definitions([link(number) for number in range(int(os.environ.get("CHAIN_LENGTH", "5000")))])
