"""Five thousand assets in fifty layers: every asset depends on up to two of the layer before. A plain Dagster project."""

import dagster as dg

LAYERS, WIDTH = 50, 100


def _name(layer: int, place: int) -> str:
    return f"layer_{layer:02d}_asset_{place:03d}"


def _parents(layer: int, place: int) -> list[str]:
    if layer == 0:
        return []
    return sorted({_name(layer - 1, place), _name(layer - 1, (place * 7 + layer) % WIDTH)})


def _asset(layer: int, place: int) -> dg.AssetsDefinition:
    @dg.asset(name=_name(layer, place), deps=_parents(layer, place), group_name=f"layer_{layer:02d}")
    def nothing() -> None:
        """Does nothing."""

    return nothing


defs = dg.Definitions(assets=[_asset(layer, place) for layer in range(LAYERS) for place in range(WIDTH)])
