"""Tables for people who copy ids and names out of them: whole in a pipe, never cut off on a narrow terminal."""

import io

import pytest
from rich.console import Console

from controlplane.cli import output

ID = "01a1ff54-c403-76ff-b671-73dd12dd7abc"
NAME = "acme-a-very-long-name-of-a-repository-pr-1234"


@pytest.mark.parametrize(("width", "terminal"), [(80, False), (120, True)])
def test_ids_and_names_are_whole(width: int, terminal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    assert f"{ID}  {NAME}" in _table(width, terminal, monkeypatch)


def test_what_has_no_room_is_folded(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = _table(40, True, monkeypatch)
    assert "…" not in shown
    assert sum(shown.count(letter) for letter in "0123456789") == sum(c.isdigit() for c in ID + NAME)


def _table(width: int, terminal: bool, monkeypatch: pytest.MonkeyPatch) -> str:
    file = io.StringIO()
    console = Console(file=file, width=width, force_terminal=terminal, color_system=None, highlight=False)
    monkeypatch.setattr(output, "console", console)
    output.say_table(("ID", "NAME", "WHY"), [(ID, NAME, "because " * 20)], empty="Nothing.")
    return file.getvalue()
