"""Asset keys as text and as parts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.definitions.asset_keys import check_parts, check_text, to_parts, to_text


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        (["raw"], "raw"),
        (["raw", "flights"], "raw/flights"),
        (["a/b", "c"], "a\\/b/c"),
        (["a\\", "b"], "a\\\\/b"),
        (["", ""], "/"),
    ],
)
def test_text_of_parts(parts: list[str], text: str) -> None:
    assert to_text(parts) == text
    assert to_parts(text) == parts


@given(st.lists(st.text(alphabet="ab/\\: é\n", max_size=6), min_size=1, max_size=4))
def test_every_key_reads_back(parts: list[str]) -> None:
    assert to_parts(to_text(parts)) == parts
    assert check_parts(check_text(parts, "fresh")) == (parts, "fresh")


def test_lone_backslash_is_no_key() -> None:
    with pytest.raises(ValueError, match="ends in a backslash"):
        to_parts("a/b\\")
