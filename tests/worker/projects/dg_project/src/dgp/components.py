"""A component of the project's own: assets named in YAML."""

import dagster as dg


class NumbersComponent(dg.Component, dg.Model, dg.Resolvable):
    names: list[str]

    def build_defs(self, context) -> dg.Definitions:
        return dg.Definitions([dg.AssetSpec(name, kinds={"number"}) for name in self.names])
