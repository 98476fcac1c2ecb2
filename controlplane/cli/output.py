"""How commands speak: a table or lines for people, one JSON document for programs (`--json`). Colour only on a terminal."""

import json
import sys
from collections.abc import Iterable, Mapping
from typing import Any

import typer
from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from controlplane.cli.errors import CommandError, ExitCode

console = Console(highlight=False)
# What is said while something goes on: it leaves standard output to the outcome.
errors = Console(highlight=False, stderr=True, soft_wrap=True)
# Columns that people copy names and ids from: broken only where there is no other way.
_WHOLE = frozenset({"id", "run", "tick", "name", "agent", "code location", "branch", "repository"})
_UNCUT = 10_000
STATUS_STYLE = {
    **dict.fromkeys(("SUCCESS", "loaded", "connected", "HEALTHY", "RUNNING"), "green"),
    **dict.fromkeys(("FAILURE", "failed", "lost", "DEGRADED", "MISSED"), "red"),
    **dict.fromkeys(("CANCELED", "CANCELING", "draining", "stopped", "WARNING"), "yellow"),
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


def say_entries(entries: Iterable[tuple[Iterable[Any], str]], *, empty: str) -> None:
    """Entries of a line of short values and, where there is something to say, a sentence below: it has the width of the terminal."""
    shown = [([_cell(value) for value in values], note) for values, note in entries]
    if not shown:
        console.print(empty, markup=False)
        return
    widths = [max(cell.cell_len for cell in column) for column in zip(*(cells for cells, _ in shown), strict=True)]
    for cells, note in shown:
        for cell, width in zip(cells[:-1], widths, strict=False):
            cell.pad_right(width - cell.cell_len + 2)
        console.print(Text.assemble(*cells), soft_wrap=True)
        if note and console.is_terminal:
            console.print(Padding(Text(note, style="dim"), (0, 0, 0, 4)))
        elif note:
            console.print(Text(f"    {note}"), soft_wrap=True)


def progress_bar() -> Progress:
    """How far something is, on standard error of a terminal; gone at its end."""
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"))
    return Progress(*columns, TimeElapsedColumn(), console=errors, transient=True, disable=not errors.is_terminal)


def minute(moment: str | None) -> str:
    """A time of the API for people, in UTC; empty for none."""
    return (moment or "")[:16].replace("T", " ")


def second(moment: str | None) -> str:
    """The same with seconds."""
    return (moment or "")[:19].replace("T", " ")


def confirm(question: str, *, yes: bool) -> None:
    """Go on only when somebody says yes: with --yes, or at the terminal. CommandError otherwise, and nothing was done."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise CommandError(f"{question} Nothing was done: confirm it with --yes.", exit_code=ExitCode.USAGE)
    if not typer.confirm(question, err=True):
        raise CommandError("Nothing was done.")


def _cell(value: Any) -> Text:
    # Text, never markup: names come from user code.
    text = "" if value is None else str(value)
    return Text(text, style=STATUS_STYLE.get(text, ""))
