"""The one text of an event that its seal is made over, as an SQL expression over the table `audit_event` under the name `e`."""

# Every column, in this order, as Postgres writes JSON: the same row gives the same text on every server.
CANONICAL = (
    "jsonb_build_array(e.org_id, e.id, to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US'), e.actor_kind, e.actor_id, "
    "e.actor_label, e.address, e.action, e.target_kind, e.target_id, e.target_label, e.deployment_id, e.before, e.after, e.result, "
    "e.reason)::text"
)
