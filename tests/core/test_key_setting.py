"""The master keys' setting: several, newest first; a bad one stops the process and is not repeated."""

import base64

import pytest

from controlplane.config.environment import DECLARED, BadSettingError, keys

NAME = "DAGGERBOARD_MASTER_KEY"
FIRST, SECOND = b"1" * 32, b"2" * 32


@pytest.fixture(autouse=True)
def declared():
    known = DECLARED[NAME]
    yield
    DECLARED[NAME] = known


def written(*values):
    return [base64.b64encode(value).decode() for value in values]


@pytest.mark.parametrize("separator", [",", "\n", ", "])
def test_keys_are_read_in_order(monkeypatch, separator):
    monkeypatch.delenv(f"{NAME}_FILE", raising=False)
    monkeypatch.setenv(NAME, separator.join(written(FIRST, SECOND)))

    assert keys(NAME, "about") == [FIRST, SECOND]


def test_keys_come_from_a_file_too(monkeypatch, tmp_path):
    (tmp_path / "keys").write_text("\n".join(written(FIRST, SECOND)) + "\n")
    monkeypatch.setenv(f"{NAME}_FILE", str(tmp_path / "keys"))

    assert keys(NAME, "about") == [FIRST, SECOND]


@pytest.mark.parametrize("text", ["hunter2-not-base64!", "c2hvcnQtYnV0LXNlY3JldA=="])
def test_bad_key_is_refused_without_being_repeated(monkeypatch, text):
    monkeypatch.setenv(NAME, text)

    with pytest.raises(BadSettingError) as refused:
        keys(NAME, "about")

    assert NAME in str(refused.value)
    assert text not in str(refused.value)


def test_missing_key_says_how_to_make_one(monkeypatch):
    monkeypatch.setenv(NAME, " , ")

    with pytest.raises(BadSettingError, match="new-master-key"):
        keys(NAME, "about")
