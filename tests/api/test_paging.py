"""Cursor pages: complete, without repetition, also while rows arrive."""

from tests.callers import new_tenant


def names(tenant, path):
    page = tenant.api.get(path).json()
    return [t["name"] for t in page["results"]], page["next"]


def test_pages_together_are_the_whole_list():
    alice = new_tenant()
    for number in range(3):
        alice.api.post(f"{alice.path}tokens/", {"name": f"t{number}"})

    first, following = names(alice, f"{alice.path}tokens/?limit=2")
    second, following = names(alice, following)
    third, end = names(alice, following)

    assert [first, second, third, end] == [["t2", "t1"], ["t0", "cli"], ["agent"], None]


def test_page_keeps_its_place_while_rows_arrive():
    alice = new_tenant()
    _first, following = names(alice, f"{alice.path}tokens/?limit=1")

    alice.api.post(f"{alice.path}tokens/", {"name": "later"})

    assert names(alice, following) == (["agent"], None)


def test_exactly_full_page_has_no_next():
    alice = new_tenant()

    assert names(alice, f"{alice.path}tokens/?limit=2")[1] is None
