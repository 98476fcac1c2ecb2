"""How commands speak: a table or lines for people, one JSON document for programs (`--json`). Colour only on a terminal."""

import json
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

console = Console(highlight=False)
# What is said while something goes on: it leaves standard output to the outcome.
errors = Console(highlight=False, stderr=True, soft_wrap=True)
STATUS_STYLE = {
    **dict.fromkeys(("SUCCESS", "loaded", "connected"), "green"),
    **dict.fromkeys(("FAILURE", "failed", "lost"), "red"),
    **dict.fromkeys(("CANCELED", "CANCELING", "draining", "stopped"), "yellow"),
    **dict.fromkeys(("STARTED", "STARTING", "QUEUED", "loading", "pending"), "cyan"),
}


def say_json(document: Any) -> None:
    """One JSON document on standard output."""
    json.dump(document, sys.stdout, indent=None if not sys.stdout.isatty() else 2)
    sys.stdout.write("\n")


def say_table(columns: Iterable[str], rows: Iterable[Iterable[Any]], *, empty: str) -> None:
    """A table; a sentence when there is nothing to show."""
    table = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    if table.row_count:
        console.print(table)
    else:
        console.print(empty, markup=False)


def say_fields(fields: Mapping[str, Any]) -> None:
    """Names and values, one per line."""
    width = max(len(name) for name in fields)
    for name, value in fields.items():
        console.print(Text(f"{name:<{width}}  ", style="dim"), _cell(value), sep="")


def _cell(value: Any) -> Text:
    # Text, never markup: names come from user code.
    text = "" if value is None else str(value)
    return Text(text, style=STATUS_STYLE.get(text, ""))
