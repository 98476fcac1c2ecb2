"""Reading and writing `.env` files."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.environment.dotenv_text import env_text, parse_env


def test_assignments_are_read_with_their_lines():
    found = parse_env("# comment\nA=1\n\nexport B='two words' # why\nC=\"x\\ny\"\nD=\n")

    assert [(line.line, line.name, line.value, line.error) for line in found] == [
        (2, "A", "1", ""),
        (4, "B", "two words", ""),
        (5, "C", "x\ny", ""),
        (6, "D", "", ""),
    ]


def test_every_bad_line_is_named_and_not_repeated():
    found = parse_env("A=1\nthis is = no\nB\nA=2\nDAGSTER_CLOUD_X=1\nC='open\n")

    assert [(line.line, bool(line.error)) for line in found] == [
        (1, False), (2, True), (3, True), (4, True), (5, True), (6, True)
    ]  # fmt: skip
    assert "line 1" in found[3].error
    assert not any("open" in line.error or "this is" in line.error for line in found)


def test_references_to_other_variables_are_text():
    assert parse_env("A=${HOME}/x")[0].value == "${HOME}/x"


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=200))
def test_what_is_written_is_read_again(value):
    text = env_text([("NAME", value)])

    assert [(line.name, line.value, line.error) for line in parse_env(text)] == [("NAME", value, "")]


@pytest.mark.parametrize("value", ["x" * 4097])
def test_value_too_large_is_an_error_of_its_line(value):
    assert "4096" in parse_env(f"A={value}")[0].error
