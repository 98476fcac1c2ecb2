"""Charts as markdown images, so that they show in the metadata of a materialization without a file server."""

import base64
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# 80 dots per inch keep an image near 30 kB: metadata is stored with the event.
DOTS_PER_INCH = 80


def heatmap(
    *, title: str, values: Sequence[Sequence[float]], rows: Sequence[str], columns: Sequence[str], unit: str
) -> dg.MetadataValue:
    figure = _figure(width=9, height=4.5)
    axes = figure.subplots()
    image = axes.imshow(values, aspect="auto", cmap="YlOrRd")
    axes.set_xticks(range(len(columns)), columns)
    axes.set_yticks(range(len(rows)), rows)
    axes.set_title(title)
    figure.colorbar(image, ax=axes, label=unit)
    return _as_markdown(figure, title)


def bars(*, title: str, labels: Sequence[str], values: Sequence[float], unit: str) -> dg.MetadataValue:
    figure = _figure(width=7, height=0.3 * len(labels) + 1.2)
    axes = figure.subplots()
    drawn = axes.barh(labels, values, color="#3b6ea5")
    axes.bar_label(drawn, fmt="%.0f", padding=3)
    axes.invert_yaxis()
    axes.set_xlabel(unit)
    axes.set_title(title)
    return _as_markdown(figure, title)


def _figure(*, width: float, height: float) -> "Figure":
    # Figure rather than pyplot: no global state and no display. Imported here, as loading it takes longer than loading
    # the rest of the project.
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=DOTS_PER_INCH, layout="constrained")


def _as_markdown(figure: "Figure", title: str) -> dg.MetadataValue:
    png = io.BytesIO()
    figure.savefig(png, format="png")
    return dg.MetadataValue.md(f"![{title}](data:image/png;base64,{base64.b64encode(png.getvalue()).decode()})")
