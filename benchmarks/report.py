"""The table for people and benchmarks/results.json for programs."""

import json
from pathlib import Path
from typing import Any

from benchmarks.figures import FIGURES, Figure
from benchmarks.measuring import Values

RESULTS = Path(__file__).parent / "results.json"


def results(own: Values, peer: Values, keys: frozenset[str]) -> list[dict[str, Any]]:
    """One row per figure that was asked for; null is what could not be measured."""
    return [_row(figure, own, peer) for figure in FIGURES if figure.key in keys]


def write(rows: list[dict[str, Any]], path: Path = RESULTS) -> None:
    """Write the rows; rows of figures that were not asked for this time stay as they are."""
    known = {row["key"]: row for row in json.loads(path.read_text())} if path.exists() else {}
    known |= {row["key"]: row for row in rows}
    ordered = [known[figure.key] for figure in FIGURES if figure.key in known]
    path.write_text("[\n" + ",\n".join(f"  {json.dumps(row)}" for row in ordered) + "\n]\n")


def table(rows: list[dict[str, Any]]) -> str:
    """Aligned columns: figure, value, goal, whether it is met, peer."""
    by_key = {figure.key: figure for figure in FIGURES}
    lines = [f"{'figure':<30}{'value':>12} {'unit':<9}{'goal':>10}  {'met':<5}{'Dagster':>12}"]
    lines += [_line(by_key[row["key"]], row) for row in rows]
    return "\n".join(lines)


def _row(figure: Figure, own: Values, peer: Values) -> dict[str, Any]:
    value, other = own.get(figure.key), peer.get(figure.key)
    return {
        "key": figure.key,
        "value": None if value is None else _rounded(value),
        "unit": figure.unit,
        "goal": figure.goal,
        "peer": None if other is None else _rounded(other),
    }


def _rounded(value: float) -> float:
    return round(value) if abs(value) >= 1000 else round(value, 1)


def _line(figure: Figure, row: dict[str, Any]) -> str:
    value = row["value"]
    met = None if value is None else figure.meets(value)
    goal = "" if figure.goal is None else f"{'≥' if figure.more_is_better else '≤'} {figure.goal:,}"
    said = {True: "yes", False: "NO", None: ""}[met]
    return f"{figure.key:<30}{_shown(value):>12} {figure.unit:<9}{goal:>10}  {said:<5}{_shown(row['peer']):>12}"


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:,}"
