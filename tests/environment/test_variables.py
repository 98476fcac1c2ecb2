"""Variables: what may be stored, which of several counts, and that reading a value leaves a row in the audit log."""

import pytest

from controlplane.environment import services
from controlplane.environment.drafts import Content, Draft, Scopes, value_of
from controlplane.environment.models import EnvironmentVariable, VariableKind
from controlplane.environment.precedence import ranked
from controlplane.environment.selectors import variables, variables_of_location
from tenants.audit.models import AuditEvent
from tenants.errors import ConflictError, InvalidError
from tenants.scoping import org_scope
from tenants.sealing import SealingError
from tests.environment.variables import BRANCHES, FULL, LOCAL, make_branch, set_variable

CANARY = "canary-5f0c1e"


def audit(cast):
    with org_scope(cast.org_id):
        rows = AuditEvent.objects.for_org(cast.org_id).filter(action__startswith="environment_variable.")
        return [(row.action, row.target_label, row.before, row.after) for row in rows.order_by("id")]


def chosen(deployment, location):
    found = ranked(variables_of_location(deployment, location))
    return {name: services.opened([rows[0]])[rows[0].id] for name, rows in found.items()}


@pytest.mark.parametrize("name", ["", "1ST", "WITH-DASH", "Ä", "A B", "X" * 513, "A\n"])
def test_name_that_no_variable_can_have_is_refused(cast, name):
    with pytest.raises(InvalidError, match="no name of a variable"):
        set_variable(cast, name)


@pytest.mark.parametrize("name", ["DAGSTER_CLOUD_DEPLOYMENT_NAME", "DAGGERBOARD_X", "DAGSTER_INSTANCE_REF"])
def test_reserved_name_is_refused(cast, name):
    with pytest.raises(InvalidError, match="Choose another name"):
        set_variable(cast, name)


def test_value_may_have_4096_bytes_and_no_more(cast):
    set_variable(cast, "JUST", "é" * 2048)

    with pytest.raises(InvalidError, match="4097") as refused:
        set_variable(cast, "MORE", "x" * 4097)
    assert "xxx" not in refused.value.message


def test_deployment_has_1000_variables_and_no_more(cast):
    with org_scope(cast.org_id):
        EnvironmentVariable.unscoped.bulk_create(
            EnvironmentVariable(
                org_id=cast.org_id, deployment=cast.deployment, name=f"V{n}", in_full=True, kind=VariableKind.VALUE
            )
            for n in range(1000)
        )

    with pytest.raises(ConflictError, match="1000"):
        set_variable(cast, "ONE_MORE")


def test_value_is_sealed_in_the_row_and_does_not_open_in_another(cast):
    one, two = set_variable(cast, "ONE", CANARY), set_variable(cast, "TWO", "other")

    assert CANARY.encode() not in bytes(one.sealed)
    two.sealed = one.sealed
    with pytest.raises(SealingError):
        services.opened([two])


def test_listed_location_beats_all_and_one_branch_beats_all_branches(cast):
    branch, other = make_branch(cast), make_branch(cast, "other")
    set_variable(cast, "X", "full", FULL)
    set_variable(cast, "X", "full, shop", FULL, ["shop"])
    set_variable(cast, "X", "branches", BRANCHES)
    set_variable(cast, "X", "branches, shop", BRANCHES, ["shop"])
    set_variable(cast, "X", "this branch", Scopes(branch_id=branch.id))
    set_variable(cast, "X", "local", LOCAL)

    assert chosen(cast.deployment, "shop") == {"X": "full, shop"}
    assert chosen(cast.deployment, "lake") == {"X": "full"}
    assert chosen(branch, "lake") == {"X": "this branch"}
    assert chosen(branch, "shop") == {"X": "branches, shop"}
    assert chosen(other, "lake") == {"X": "branches"}


def test_production_variables_are_absent_in_branches(cast):
    branch = make_branch(cast)
    set_variable(cast, "PROD_ONLY", "secret", FULL)

    assert variables(branch) == []
    assert chosen(branch, "shop") == {}


@pytest.mark.parametrize(
    ("first", "second"), [(([]), []), ((["shop", "lake"]), ["lake"])], ids=["both for all", "one location shared"]
)
def test_two_that_would_count_alike_are_refused(cast, first, second):
    set_variable(cast, "X", scopes=FULL, locations=first)

    with pytest.raises(ConflictError, match="full deployment"):
        set_variable(cast, "X", scopes=Scopes(full=True, local=True), locations=second)


def test_variable_needs_a_scope_and_one_branch_is_alone(cast):
    branch = make_branch(cast)

    with pytest.raises(InvalidError, match="at least one scope"):
        set_variable(cast, "X", scopes=Scopes())
    with pytest.raises(InvalidError, match="no other scope"):
        set_variable(cast, "X", scopes=Scopes(full=True, branch_id=branch.id))


def test_branch_of_another_deployment_is_no_scope(cast, outsider):
    foreign = make_branch(outsider)

    with pytest.raises(InvalidError, match="no such branch"):
        set_variable(cast, "X", scopes=Scopes(branch_id=foreign.id))


def test_branch_deployment_sets_what_holds_in_it_and_nothing_else(cast):
    branch, other = make_branch(cast), make_branch(cast, "other")
    inherited = set_variable(cast, "X", "branches", BRANCHES)

    for scopes in (FULL, BRANCHES, LOCAL, Scopes(branch_id=other.id)):
        with pytest.raises(ConflictError, match="for that branch alone"):
            services.create_variable(deployment=branch, draft=Draft("Y", scopes, (), value_of("x")), actor=cast.actor)
    with pytest.raises(ConflictError, match="inherited here"):
        services.delete_variable(deployment=branch, variable_id=inherited.id, actor=cast.actor)
    made = services.create_variable(
        deployment=branch, draft=Draft("X", Scopes(), (), value_of("own")), actor=cast.actor
    )

    assert (made.branch_id, made.deployment_id) == (branch.id, cast.deployment.id)
    assert (chosen(branch, "shop"), chosen(other, "shop")) == ({"X": "own"}, {"X": "branches"})
    with pytest.raises(ConflictError, match="inherited here"):
        services.update_variable(
            deployment=other, variable_id=made.id, draft=Draft("X", Scopes(), (), value_of("theirs")), actor=cast.actor
        )
    services.delete_variable(deployment=branch, variable_id=made.id, actor=cast.actor)
    assert chosen(branch, "shop") == {"X": "branches"}


def test_every_change_and_every_reading_is_in_the_audit_log_without_the_value(cast):
    made = set_variable(cast, "X", CANARY)
    made = services.update_variable(
        deployment=cast.deployment,
        variable_id=made.id,
        draft=Draft("X", FULL, ("shop",), value_of(CANARY + "2")),
        actor=cast.actor,
    )
    assert services.reveal_value(deployment=cast.deployment, variable=made, actor=cast.actor) == CANARY + "2"
    services.export_values(deployment=cast.deployment, variables=[made], actor=cast.actor)
    services.delete_variable(deployment=cast.deployment, variable_id=made.id, actor=cast.actor)

    rows = audit(cast)
    assert [row[0].partition(".")[2] for row in rows] == ["create", "update", "reveal", "export", "delete"]
    assert rows[1][3]["value"] == "changed"
    assert rows[3][3] == {"names": ["X"]}
    assert CANARY not in str(rows)


def test_change_without_content_keeps_the_value(cast):
    made = set_variable(cast, "X", CANARY)

    changed = services.update_variable(
        deployment=cast.deployment, variable_id=made.id, draft=Draft("Y", FULL), actor=cast.actor
    )

    assert services.opened([changed]) == {made.id: CANARY}


@pytest.mark.parametrize(
    ("store", "reference"),
    [
        ("aws_secrets_manager", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf"),
        ("aws_secrets_manager", "arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret:a/b-AbCdEf#pass word"),
        ("vault", "secret/team/db#password"),
        ("kubernetes", "db#password"),
        ("kubernetes", "data/db.main#pass_word"),
    ],
)
def test_reference_is_stored_and_cannot_be_read_here(cast, store, reference):
    content = Content(VariableKind.REFERENCE, store=store, reference=reference)
    made = services.create_variable(deployment=cast.deployment, draft=Draft("X", FULL, (), content), actor=cast.actor)

    assert (made.sealed, made.reference) == (None, reference)
    with pytest.raises(ConflictError, match="only agents"):
        services.reveal_value(deployment=cast.deployment, variable=made, actor=cast.actor)


@pytest.mark.parametrize(
    ("store", "reference"),
    [("aws_secrets_manager", "my-secret"), ("vault", "secret#x"), ("vault", "secret/x"), ("kubernetes", "UPPER#x")],
)
def test_reference_of_the_wrong_form_is_refused_with_an_example(cast, store, reference):
    with pytest.raises(InvalidError, match="It looks like"):
        services.create_variable(
            deployment=cast.deployment,
            draft=Draft("X", FULL, (), Content(VariableKind.REFERENCE, store=store, reference=reference)),
            actor=cast.actor,
        )
