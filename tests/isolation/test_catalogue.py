"""Every table is guarded (promise S2): read from Postgres' own catalogue, so that a new table is seen without being listed."""

ORG = "(org_id = (NULLIF(current_setting('app.org'::text, true), ''::text))::uuid)"
TENANT, DOOR = ("tenant", "*", ["public"], ORG, ORG), ("door", "*", ["daggerboard_door"], "true", "true")
# Rows that may be read before their organization is known: one token by its id, a person's own memberships, a verified domain by its name.
MORE_POLICIES = {
    "api_token": (
        "by_id",
        "r",
        ["public"],
        "(id = (NULLIF(current_setting('app.token'::text, true), ''::text))::uuid)",
        None,
    ),
    "membership": (
        "own",
        "r",
        ["public"],
        "(user_id = (NULLIF(current_setting('app.user'::text, true), ''::text))::uuid)",
        None,
    ),
    "invitation": (
        "by_id",
        "r",
        ["public"],
        "(id = (NULLIF(current_setting('app.invitation'::text, true), ''::text))::uuid)",
        None,
    ),
    "sso_domain": (
        "by_name",
        "r",
        ["public"],
        "((verified_at IS NOT NULL) AND ((name)::text = NULLIF(current_setting('app.domain'::text, true), ''::text)))",
        None,
    ),
}
# Tables without an organization. Each is either about the installation, or is reached through a person only.
WITHOUT_ORGANIZATION = {
    "account_emailaddress",
    "account_emailconfirmation",
    "audit_tombstone",
    "auth_group",
    "auth_group_permissions",
    "auth_permission",
    "django_content_type",
    "django_migrations",
    "django_session",
    "due_job",
    "mfa_authenticator",
    "organization",
    "outgoing_mail",
    "partitioned_table",
    "pulse",
    "sign_in_link",
    "socialaccount_socialaccount",
    "socialaccount_socialapp",
    "socialaccount_socialtoken",
    "user_account",
    "usersessions_usersession",
}
# Primary keys begin with a UUID of one organization, or with the time that the table is partitioned by.
PRIMARY_KEY_LEADS = {"id", "instigator_id", "org_id", "run_id", "deployment_id", "recorded_at", "backfill_id"}
# Indexes of jobs that cross organizations, and of what is read before the organization is known.
OTHER_INDEXES = {
    "instigator_due": "schedules and sensors that are due are claimed over all organizations",
    "condition_evaluator_due": "deployments whose conditions are due are claimed over all organizations",
    "run_retry_due": "retries that are due are launched over all organizations",
    "bulk_action_open": "what is done to many runs and has not ended is looked for over all organizations",
    "backfill_due": "backfills that are due are claimed over all organizations",
    "instigator_missed": "missed ticks are caught up over all organizations",
    "tick_open": "open ticks are looked after over all organizations",
    "run_attempt_lease": "expired leases are swept over all organizations",
    "freshness_state_due": "what is due is swept over all organizations",
    "asset_wipe_due": "wipes that are under way are looked for over all organizations",
    "report_delivery_age": "old deliveries are forgotten over all organizations",
    "membership_user_id": "a person's organizations, before one is chosen",
    "invitation_accepted_by_id": "deleting a person keeps the invitation, without them",
    "invitation_invited_by_user_id": "the same of who invited",
    "access_grant_user_id": "deleting a person deletes their grants",
    "team_membership_user_id": "deleting a person takes them out of teams",
    "api_token_user_id": "deleting a person deletes their tokens",
    "sso_domain_verified_once": "a domain is one organization's, and is looked up at sign-in before the organization is known",
    "sso_identity_user_id": "deleting a person deletes their identities",
}


def rows(scratch, query, *args):
    with scratch.connect("superuser") as connection:
        return connection.execute(query, args).fetchall()


def test_every_other_table_is_on_the_list(scratch, tenant_tables):
    found = rows(
        scratch,
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition",
    )

    assert {name for (name,) in found} - set(tenant_tables) == WITHOUT_ORGANIZATION


def test_every_tenant_table_forces_row_level_security(scratch, tenant_tables):
    found = rows(
        scratch,
        "SELECT relname FROM pg_class WHERE relname = ANY(%s) AND relrowsecurity AND relforcerowsecurity ORDER BY 1",
        tenant_tables,
    )

    assert len(tenant_tables) > 20
    assert [name for (name,) in found] == tenant_tables


def test_every_tenant_table_has_exactly_its_policies(scratch, tenant_tables):
    found = {}
    for table, *policy in rows(scratch, POLICIES):
        found.setdefault(table, []).append(tuple(policy))

    wanted = {
        table: sorted([TENANT, DOOR, *([MORE_POLICIES[table]] if table in MORE_POLICIES else [])])
        for table in tenant_tables
    }
    assert {table: sorted(policies) for table, policies in found.items()} == wanted


POLICIES = """
SELECT c.relname, p.polname, p.polcmd::text,
       CASE WHEN p.polroles = '{0}' THEN ARRAY['public']
            ELSE ARRAY(SELECT rolname::text FROM pg_roles WHERE oid = ANY(p.polroles)) END,
       pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)
FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid WHERE p.polpermissive
"""


def test_org_id_is_never_null(scratch, tenant_tables):
    found = rows(
        scratch,
        """SELECT c.relname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
           WHERE a.attname = 'org_id' AND NOT a.attnotnull AND c.relkind IN ('r', 'p')""",
    )

    assert found == []


def test_partitions_are_forced_and_have_no_policy_and_no_grant(scratch):
    found = rows(
        scratch,
        """SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity,
                  EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid),
                  has_any_column_privilege('daggerboard_app', c.oid, 'SELECT, INSERT, UPDATE, REFERENCES')
                  OR has_table_privilege('daggerboard_app', c.oid, 'DELETE, TRUNCATE, TRIGGER')
           FROM pg_class c WHERE c.relispartition AND c.relkind = 'r'""",
    )

    assert len(found) > 20
    assert {state for _name, *state in [(n, (a, b, c)) for n, a, b, c in found] for state in state} == {
        (True, False, False)
    }


def test_indexes_begin_with_the_organization(scratch, tenant_tables):
    found = rows(scratch, INDEXES, tenant_tables)

    strangers = {
        (table, index, lead)
        for table, index, lead, primary in found
        if lead not in (PRIMARY_KEY_LEADS if primary else {"org_id"})
        and not any(index.startswith(o) for o in OTHER_INDEXES)
    }
    assert strangers == set()


INDEXES = """
SELECT t.relname, i.relname, pg_get_indexdef(x.indexrelid, 1, true), x.indisprimary
FROM pg_index x JOIN pg_class t ON t.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid WHERE t.relname = ANY(%s)
"""


def test_foreign_keys_between_tenant_tables_carry_the_organization(scratch, tenant_tables):
    found = rows(
        scratch,
        """SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
           WHERE contype = 'f' AND conrelid::regclass::text = ANY(%s) AND confrelid::regclass::text = ANY(%s)""",
        tenant_tables,
        tenant_tables,
    )

    assert found
    assert [(table, name) for table, name, text in found if not text.startswith("FOREIGN KEY (org_id, ")] == []


def test_nothing_runs_with_the_owners_rights_but_making_and_dropping_partitions_and_sealing_the_audit_log(scratch):
    functions = rows(
        scratch,
        "SELECT proname FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace ORDER BY proname",
    )
    views = rows(
        scratch, "SELECT relname FROM pg_class WHERE relkind IN ('v', 'm') AND relnamespace = 'public'::regnamespace"
    )

    sealing = ["audit_bury", "audit_seal_event", "audit_seal_turn", "audit_take_turn"]
    assert ([name for (name,) in functions], views) == ([*sealing, "drop_partition", "ensure_partitions"], [])
