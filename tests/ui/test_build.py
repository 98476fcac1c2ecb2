"""The bundle is made once per state of the sources."""

from controlplane.ui import build


def test_build_does_nothing_when_no_source_changed():
    build.build()

    assert build.build() is False
    assert build.STAMP.read_text() == build.sources_digest()


def test_bundle_carries_the_licences_of_what_is_in_it():
    build.build()

    assert "htmx.org" in (build.DIST / "LICENSES.txt").read_text()
    assert "uplot" in (build.DIST / "LICENSES.txt").read_text()
