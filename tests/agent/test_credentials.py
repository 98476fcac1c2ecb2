"""An agent trades its token for a credential, and uses the token for nothing but registering from then on."""

import pytest

from agent.retry import CREDENTIAL_REFUSED, ControlPlaneError, is_fatal, is_retryable, needs_registering
from tests.agent.conftest import ended, gone, loaded, location
from tests.agent.fake_control_plane import TOKEN
from tests.agent.test_stop import waiting_run
from tests.waiting import eventually


@pytest.fixture
def trading(plane, new_agent):
    """An agent of a control plane that answers a credential; it has loaded `v1`."""
    plane.credential = "first-credential"
    plane.serve(location("v1"))
    agent = new_agent().start()
    loaded(plane, "v1")
    return agent


def test_token_registers_and_the_credential_does_the_rest(plane, trading):
    assert ended(plane.launch("v1"))["reason"] == "finished"

    assert {path for path, proof in plane.proofs if proof == TOKEN} == {"register"}
    used = {path for path, proof in plane.proofs if proof == "first-credential"}
    assert used >= {"poll", "events", "locations", "definitions"}


def test_next_credential_is_used_from_the_poll_that_brought_it(plane, trading):
    plane.next_credential = "second-credential"
    eventually(lambda: plane.proofs["poll", "second-credential"], bool)
    plane.credential = "second-credential"

    assert ended(plane.launch("v1"))["reason"] == "finished"
    assert len(plane.registrations) == 1


def test_dead_credential_makes_the_agent_register_again(plane, trading, tmp_path):
    """As after an outage that was longer than the credential's life: what runs goes on, and is reported."""
    go = tmp_path / "go"
    attempt = waiting_run(plane, go)
    plane.credential = "after-the-outage"
    eventually(lambda: plane.proofs["poll", "after-the-outage"], bool)
    go.touch()

    assert ended(attempt)["reason"] == "finished"
    assert len(plane.registrations) == 2


def test_revoked_token_and_credential_end_runs_only_with_their_leases(plane, short_leases, trading, tmp_path):
    attempt = waiting_run(plane, tmp_path / "never")
    pid = attempt.events[0]["data"]["pid"]
    plane.token = plane.credential = "somebody-elses"

    # An outage would let it run for a day; this is none.
    gone(pid)
    assert trading.logged("request.failed")
    assert trading.logged("attempt.lease_lost")[0]["seconds_since_renewal"] >= short_leases


def test_revoked_token_and_credential_end_an_agent_without_runs(plane, trading):
    plane.token = plane.credential = "somebody-elses"

    assert trading.wait() == 3
    assert "token" in trading.logged("agent.refused")[0]["advice"]


def test_token_file_is_read_again_when_the_agent_registers_again(plane, trading):
    trading.token_file.write_text("new-token\n")
    plane.token, plane.credential = "new-token", "of-the-new-token"

    assert ended(plane.launch("v1"))["reason"] == "finished"
    assert plane.proofs["register", "new-token"] == 1


def test_control_plane_without_credentials_gets_the_token(plane, agent):
    assert ended(plane.launch("v1"))["reason"] == "finished"

    assert {proof for _path, proof in plane.proofs} == {TOKEN}


def test_refused_credential_is_neither_fatal_nor_final():
    refused = ControlPlaneError(401, CREDENTIAL_REFUSED, "dead")

    assert (is_fatal(refused), is_retryable(refused), needs_registering(refused)) == (False, True, True)
