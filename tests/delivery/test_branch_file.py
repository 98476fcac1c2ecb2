"""`.daggerboard.yaml`: what it may say, and how a mistake is told."""

import pytest

from controlplane.delivery.models import Repository
from controlplane.delivery.project.problems import ProjectError
from controlplane.delivery.pull_requests.branch_file import read, settings_of

WHOLE = """
mode: label
label: ship
exclude_labels: [wip, "no preview"]
project: analytics
locations: [shop, billing]
sleep_after: 30m
expire_after: never
comment: on_change
on_create: {location: shop, job: make_schema}
on_close:
  location: shop
  job: drop_schema
"""


def test_everything_it_may_say():
    assert read(WHOLE) == {
        "mode": "label",
        "label": "ship",
        "exclude_labels": ["wip", "no preview"],
        "project": "analytics",
        "locations": ["shop", "billing"],
        "sleep_after": 1800,
        "expire_after": None,
        "comment": "on_change",
        "on_create": {"location": "shop", "job": "make_schema"},
        "on_close": {"location": "shop", "job": "drop_schema"},
    }


def test_it_counts_over_the_repositorys_settings():
    repository = Repository(mode="automatic", label="preview", exclude_labels=["x"], comment_mode="always")
    wanted = settings_of(repository, read("label: ship\nsleep_after: 2d\n"))

    assert (wanted.mode, wanted.label, wanted.sleep_after, wanted.exclude_labels) == (
        "automatic",
        "ship",
        172_800,
        ["x"],
    )
    assert wanted.expire_after == repository.expire_after_seconds


@pytest.mark.parametrize("text", ["", "# nothing\n", "{}"])
def test_nothing_said_is_nothing(text):
    assert read(text) == {}


def test_bare_off_means_off():
    assert read("mode: off\ncomment: off\n") == {"mode": "off", "comment": "off"}


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("mode: automatic\nslep_after: 1h\n", 2, "sleep_after"),
        ("mode: sometimes\n", 1, "automatic"),
        ("sleep_after: 3600\n", 1, "30m"),
        ("sleep_after: 5s\n", 1, "minute"),
        ("expire_after: 900d\n", 1, "year"),
        ("on_close: {location: shop}\n", 1, "job"),
        ("exclude_labels: wip\n", 1, "list"),
        ("mode: label\nmode: off\n", 2, "twice"),
        ("- mode\n", 1, "mapping"),
        ("mode: [\n", 2, "YAML"),
        ("mode: !!python/object:os.system x\n", 1, ""),
    ],
)
def test_mistakes_are_told_with_their_line(text, line, words):
    with pytest.raises(ProjectError) as refused:
        read(text)

    told = str(refused.value)
    assert told.startswith((f".daggerboard.yaml:{line}", ".daggerboard.yaml"))
    assert words in told


def test_all_mistakes_are_told_at_once():
    with pytest.raises(ProjectError) as refused:
        read("mode: sometimes\nlable: x\nsleep_after: soon\n")

    assert len(refused.value.problems) == 3
