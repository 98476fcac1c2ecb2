"""Deployments, code locations and jobs over REST."""

from tests.callers import new_tenant
from tests.factories import make_location

TARGET = {"module_name": "shop.definitions", "working_directory": "/srv/shop"}


def test_created_deployment_is_listed():
    alice = new_tenant()

    made = alice.api.post(f"{alice.path}deployments/", {"name": "staging"})

    listed = alice.api.get(f"{alice.path}deployments/").json()["results"]
    assert made.status_code == 201
    assert [d["name"] for d in listed] == ["prod", "staging"]
    assert made.json() == {**alice.api.get(f"{alice.path}deployments/staging/").json(), "copied": {}, "left_out": []}


def test_deploy_makes_a_version_that_waits_for_an_agent():
    alice = new_tenant()

    first = alice.api.put(f"{alice.prod}code-locations/shop/", {"target": TARGET, "git_commit": "abc"}).json()
    second = alice.api.put(f"{alice.prod}code-locations/shop/", {"target": TARGET, "queue": "gpu"}).json()

    assert (first["desired_version"]["number"], first["desired_version"]["state"]) == (1, "pending")
    assert (second["desired_version"]["number"], second["queue"], second["current_version"]) == (2, "gpu", None)
    versions = alice.api.get(f"{alice.prod}code-locations/shop/versions/").json()["results"]
    assert [(v["number"], v["git_commit"], v["target"]["module_name"]) for v in versions] == [
        (2, "", "shop.definitions"),
        (1, "abc", "shop.definitions"),
    ]


def test_deploy_with_two_ways_to_load_is_refused():
    alice = new_tenant()

    answer = alice.api.put(f"{alice.prod}code-locations/x/", {"target": {"module_name": "a", "python_file": "b"}})

    assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, "target")


def test_reload_is_a_new_version_of_the_same_target():
    alice = new_tenant()
    alice.api.put(f"{alice.prod}code-locations/shop/", {"target": TARGET})

    version = alice.api.post(f"{alice.prod}code-locations/shop/reload/").json()

    assert (version["number"], version["target"]["module_name"]) == (2, "shop.definitions")


def test_deleted_location_is_gone():
    alice = new_tenant()
    alice.api.put(f"{alice.prod}code-locations/shop/", {})

    deleted = alice.api.delete(f"{alice.prod}code-locations/shop/")

    assert deleted.status_code == 204
    assert alice.api.get(f"{alice.prod}code-locations/shop/").status_code == 404
    assert alice.api.get(f"{alice.prod}code-locations/").json() == {"results": [], "next": None}


def test_location_of_another_deployment_is_not_found():
    alice = new_tenant()
    alice.api.put(f"{alice.prod}code-locations/shop/", {})
    alice.api.post(f"{alice.path}deployments/", {"name": "other"})

    assert alice.api.get(f"{alice.path}deployments/other/code-locations/shop/").status_code == 404


def test_jobs_are_those_of_the_loaded_definitions():
    alice = new_tenant()
    make_location(alice.cast)

    jobs = alice.api.get(f"{alice.prod}jobs/").json()["results"]
    nightly = alice.api.get(f"{alice.prod}jobs/nightly/").json()

    assert [(j["location"], j["name"], j["implicit"]) for j in jobs] == [
        ("shop", "__ASSET_JOB", True),
        ("shop", "nightly", False),
    ]
    assert nightly["assets"] == ["raw", "daily", "report"]
    assert alice.api.get(f"{alice.prod}jobs/other/").status_code == 404


def test_job_that_two_locations_define_needs_the_location():
    alice = new_tenant()
    make_location(alice.cast, "shop")
    make_location(alice.cast, "store")

    unclear = alice.api.get(f"{alice.prod}jobs/nightly/")
    clear = alice.api.get(f"{alice.prod}jobs/nightly/?location=store")

    assert (unclear.status_code, unclear.json()["errors"][0]["attr"]) == (400, "location")
    assert clear.json()["location"] == "store"
