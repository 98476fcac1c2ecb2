"""The merged asset graph and its layout."""

import random

import pytest

from controlplane.definitions.graph import AssetGraph
from controlplane.definitions.layout import layered
from tests.factories import asset, make_manifest


def graph(**locations: list[object]) -> AssetGraph:
    manifests = {name: make_manifest(assets, location=name) for name, assets in locations.items()}
    return AssetGraph.of(manifests)


def test_asset_belongs_to_the_location_that_executes_it() -> None:
    found = graph(
        a_reader=[asset("orders", is_external=True, is_executable=False), asset("report", "orders")],
        z_maker=[asset("orders", "raw"), asset("raw")],
    )

    assert found.nodes["orders"].location == "z_maker"
    assert found.upstream == {"orders": ("raw",), "raw": (), "report": ("orders",)}
    assert found.downstream == {"orders": ("report",), "raw": ("orders",), "report": ()}
    assert found.order == ("raw", "orders", "report")


def test_the_location_that_was_added_first_keeps_an_asset_that_others_define_too() -> None:
    first, second = [asset("made", "raw", group="first"), asset("raw")], [asset("made", "other"), asset("other")]
    seen = asset("made", "outside", is_external=True, is_executable=False, is_materializable=False)
    observed = asset("raw", is_materializable=False)
    manifests = {
        name: make_manifest(assets, location=name)
        for name, assets in {"z": first, "a": second, "0": [seen, asset("outside")], "1": [observed]}.items()
    }

    found = AssetGraph.of(manifests, ("0", "z", "1", "a"))

    assert found.duplicates == {"made": ("a",)}
    assert (found.nodes["made"].location, found.nodes["made"].group) == ("z", "first")
    assert found.nodes["raw"].location == "z"
    assert found.upstream["made"] == ("raw", "outside"), "those of the other definition are not its"
    assert AssetGraph.of({"a": manifests["a"], "0": manifests["0"]}).nodes["made"].location == "a"


def test_cycle_between_locations_is_cut_not_hung() -> None:
    found = graph(one=[asset("a", "b"), asset("c", "a")], two=[asset("b", "a")])

    assert sorted(found.order) == ["a", "b", "c"]
    assert set(found.layout.places) == {"a", "b", "c"}


def test_upstream_that_nobody_defines_and_self_dependency_are_no_edges() -> None:
    found = graph(one=[asset("a", "a", "elsewhere")])

    assert found.upstream == {"a": ()}


def test_ancestors_and_descendants() -> None:
    found = graph(one=[asset("a"), asset("b", "a"), asset("c", "b"), asset("d", "a")])

    assert found.ancestors(["c"]) == {"a", "b"}
    assert found.descendants(["b", "a"]) == {"c", "d"}


def test_layout_puts_downstream_right_of_upstream_and_nobody_on_top_of_another() -> None:
    randomness = random.Random(7)
    keys = [f"k{number}" for number in range(300)]
    upstream = {
        key: tuple({keys[randomness.randrange(number)] for _ in range(randomness.randrange(3))}) if number else ()
        for number, key in enumerate(keys)
    }

    layout = layered(keys, upstream)

    assert all(layout.places[up][0] < layout.places[key][0] for key in keys for up in upstream[key])
    assert len(set(layout.places.values())) == len(keys)
    assert all(0 <= x < layout.layers and 0 <= y < layout.rows for x, y in layout.places.values())


def test_layout_untangles_what_can_be_untangled() -> None:
    """Two chains whose order is crossed by key come out as two straight lines."""
    layout = layered(
        ["a1", "b1", "a2", "b2", "end"], {"a1": (), "b1": (), "a2": ("b1",), "b2": ("a1",), "end": ("a2", "b2")}
    )

    assert layout.places["a2"][1] == layout.places["b1"][1]
    assert layout.places["b2"][1] == layout.places["a1"][1]


@pytest.mark.parametrize("keys", [[], ["only"]])
def test_layout_of_next_to_nothing(keys: list[str]) -> None:
    assert list(layered(keys, dict.fromkeys(keys, ())).places) == keys


def test_five_thousand_deep_chain_is_no_recursion() -> None:
    chain = graph(deep=[asset("k0"), *(asset(f"k{n}", f"k{n - 1}") for n in range(1, 5000))])

    assert chain.layout.layers == 5000
