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
# Columns that people copy names and ids from: broken only where there is no other way.
_WHOLE = frozenset({"id", "run", "name", "agent", "code location", "branch", "repository"})
_UNCUT = 10_000
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
    """A table, in which nothing is cut off; a sentence when there is nothing to show."""
    names, cells = list(columns), [[_cell(value) for value in row] for row in rows]
    if not cells:
        console.print(empty, markup=False)
        return
    # Into a file or a pipe, lines are as long as they must be.
    out = console if console.is_terminal else Console(file=console.file, highlight=False, width=_UNCUT)
    widest = [max(len(name), *(row[at].cell_len for row in cells)) for at, name in enumerate(names)]
    whole = [name.lower() in _WHOLE for name in names]
    has_room = sum(size + 2 if keep else 10 for size, keep in zip(widest, whole, strict=True)) <= out.width
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name, keep in zip(names, whole, strict=True):
        # Rich crops what it may not wrap when there is no room for it.
        table.add_column(name, overflow="fold", no_wrap=keep and has_room)
    for row in cells:
        table.add_row(*row)
    out.print(table)


def say_fields(fields: Mapping[str, Any]) -> None:
    """Names and values, one per line."""
    width = max(len(name) for name in fields)
    for name, value in fields.items():
        console.print(Text(f"{name:<{width}}  ", style="dim"), _cell(value), sep="", soft_wrap=True)


def _cell(value: Any) -> Text:
    # Text, never markup: names come from user code.
    text = "" if value is None else str(value)
    return Text(text, style=STATUS_STYLE.get(text, ""))
