"""The statements of the projections. Each takes the rows as JSON, then the organization."""

_EVENTS = """jsonb_to_recordset(%s::jsonb) AS d(
    id bigint, kind text, deployment_id uuid, asset_key text, partition_key text, run_id uuid, step_key text, at timestamptz,
    description text, metadata jsonb, tags jsonb, serdes text)"""
_CHECKS = """jsonb_to_recordset(%s::jsonb) AS d(
    id bigint, deployment_id uuid, asset_key text, check_name text, partition_key text, run_id uuid, step_key text, at timestamptz,
    passed boolean, severity text, blocking boolean, description text, metadata jsonb, target_run_id uuid, target_event_id bigint,
    serdes text)"""

INSERT_ASSET_EVENTS = f"""
    INSERT INTO asset_event (org_id, id, recorded_at, deployment_id, asset_key, partition_key, kind, run_id, step_key, at,
                             description, metadata, tags, serdes)
    SELECT o.org_id, d.id, now(), d.deployment_id, d.asset_key, d.partition_key, d.kind, d.run_id, d.step_key, d.at,
           d.description, d.metadata, d.tags, d.serdes
    FROM {_EVENTS}, (SELECT %s::uuid AS org_id) o
"""
INSERT_CHECK_EVALUATIONS = f"""
    INSERT INTO check_evaluation (org_id, id, recorded_at, deployment_id, asset_key, check_name, partition_key, run_id, step_key, at,
                                  passed, severity, blocking, description, metadata, target_run_id, target_event_id, serdes)
    SELECT o.org_id, d.id, now(), d.deployment_id, d.asset_key, d.check_name, d.partition_key, d.run_id, d.step_key, d.at,
           d.passed, d.severity, d.blocking, d.description, d.metadata, d.target_run_id, d.target_event_id, d.serdes
    FROM {_CHECKS}, (SELECT %s::uuid AS org_id) o
"""

ASSET_PLANNED = f"""
    INSERT INTO asset_state AS s (org_id, deployment_id, asset_key, planned_id, planned_run_id,
        materialization_metadata, materialization_tags, materialization_serdes, observation_serdes)
    SELECT o.org_id, d.deployment_id, d.asset_key, d.id, d.run_id, '{{}}', '{{}}', '', ''
    FROM {_EVENTS}, (SELECT %s::uuid AS org_id) o
    ON CONFLICT (deployment_id, asset_key) DO UPDATE SET
        planned_id = excluded.planned_id, planned_run_id = excluded.planned_run_id, failed_at = NULL, failed_run_id = NULL
    WHERE s.planned_id IS NULL OR s.planned_id < excluded.planned_id
"""
ASSET_MATERIALIZED = f"""
    INSERT INTO asset_state AS s (org_id, deployment_id, asset_key, materialization_id, materialized_at, materialization_run_id,
        materialization_partition, materialization_metadata, materialization_tags, materialization_serdes, observation_serdes)
    SELECT o.org_id, d.deployment_id, d.asset_key, d.id, d.at, d.run_id, d.partition_key, d.metadata, d.tags, d.serdes, ''
    FROM {_EVENTS}, (SELECT %s::uuid AS org_id) o
    ON CONFLICT (deployment_id, asset_key) DO UPDATE SET
        materialization_id = excluded.materialization_id, materialized_at = excluded.materialized_at,
        materialization_run_id = excluded.materialization_run_id, materialization_partition = excluded.materialization_partition,
        materialization_metadata = excluded.materialization_metadata, materialization_tags = excluded.materialization_tags,
        materialization_serdes = excluded.materialization_serdes, failed_at = NULL, failed_run_id = NULL
    WHERE s.materialization_id IS NULL OR s.materialization_id < excluded.materialization_id
"""
ASSET_OBSERVED = f"""
    INSERT INTO asset_state AS s (org_id, deployment_id, asset_key, observation_id, observed_at, observation_serdes, observation_tags,
        materialization_metadata, materialization_tags, materialization_serdes)
    SELECT o.org_id, d.deployment_id, d.asset_key, d.id, d.at, d.serdes, d.tags, '{{}}', '{{}}', ''
    FROM {_EVENTS}, (SELECT %s::uuid AS org_id) o
    ON CONFLICT (deployment_id, asset_key) DO UPDATE SET
        observation_id = excluded.observation_id, observed_at = excluded.observed_at, observation_serdes = excluded.observation_serdes,
        observation_tags = excluded.observation_tags
    WHERE s.observation_id IS NULL OR s.observation_id < excluded.observation_id
"""

PARTITION_PLANNED = f"""
    INSERT INTO partition_state AS s (org_id, deployment_id, asset_key, partition_key, planned_id, planned_run_id,
        materialization_metadata, materialization_tags, materialization_serdes)
    SELECT o.org_id, d.deployment_id, d.asset_key, d.partition_key, d.id, d.run_id, '{{}}', '{{}}', ''
    FROM {_EVENTS}, (SELECT %s::uuid AS org_id) o
    ON CONFLICT (deployment_id, asset_key, partition_key) DO UPDATE SET
        planned_id = excluded.planned_id, planned_run_id = excluded.planned_run_id, failed_at = NULL, failed_run_id = NULL
    WHERE s.planned_id IS NULL OR s.planned_id < excluded.planned_id
"""
PARTITION_MATERIALIZED = f"""
    INSERT INTO partition_state AS s (org_id, deployment_id, asset_key, partition_key, materialization_id, materialized_at,
        materialization_run_id, materialization_metadata, materialization_tags, materialization_serdes)
    SELECT o.org_id, d.deployment_id, d.asset_key, d.partition_key, d.id, d.at, d.run_id, d.metadata, d.tags, d.serdes
    FROM {_EVENTS}, (SELECT %s::uuid AS org_id) o
    ON CONFLICT (deployment_id, asset_key, partition_key) DO UPDATE SET
        materialization_id = excluded.materialization_id, materialized_at = excluded.materialized_at,
        materialization_run_id = excluded.materialization_run_id, materialization_metadata = excluded.materialization_metadata,
        materialization_tags = excluded.materialization_tags, materialization_serdes = excluded.materialization_serdes,
        failed_at = NULL, failed_run_id = NULL
    WHERE s.materialization_id IS NULL OR s.materialization_id < excluded.materialization_id
"""

CHECK_EVALUATED = f"""
    INSERT INTO check_state AS s (org_id, deployment_id, asset_key, check_name, evaluation_id, at, run_id, passed, severity,
        partition_key, description, metadata, serdes)
    SELECT o.org_id, d.deployment_id, d.asset_key, d.check_name, d.id, d.at, d.run_id, d.passed, d.severity,
        d.partition_key, d.description, d.metadata, d.serdes
    FROM {_CHECKS}, (SELECT %s::uuid AS org_id) o
    ON CONFLICT (deployment_id, asset_key, check_name) DO UPDATE SET
        evaluation_id = excluded.evaluation_id, at = excluded.at, run_id = excluded.run_id, passed = excluded.passed,
        severity = excluded.severity, partition_key = excluded.partition_key, description = excluded.description,
        metadata = excluded.metadata, serdes = excluded.serdes
    WHERE s.evaluation_id < excluded.evaluation_id
"""
CHECK_PARTITION_EVALUATED = f"""
    INSERT INTO check_partition_state AS s (org_id, deployment_id, asset_key, check_name, partition_key, evaluation_id, at, run_id,
        passed, severity)
    SELECT o.org_id, d.deployment_id, d.asset_key, d.check_name, d.partition_key, d.id, d.at, d.run_id, d.passed, d.severity
    FROM {_CHECKS}, (SELECT %s::uuid AS org_id) o
    ON CONFLICT (deployment_id, asset_key, check_name, partition_key) DO UPDATE SET
        evaluation_id = excluded.evaluation_id, at = excluded.at, run_id = excluded.run_id, passed = excluded.passed,
        severity = excluded.severity
    WHERE s.evaluation_id < excluded.evaluation_id
"""

# Which states a run planned last is found through its planned events, so that no state needs an index by run.

_PLANNED = """
    SELECT DISTINCT e.deployment_id, e.asset_key, e.partition_key, e.run_id, d.at, d.failed
    FROM jsonb_to_recordset(%s::jsonb) AS d(deployment_id uuid, run_id uuid, at timestamptz, failed bool)
    JOIN asset_event e ON e.org_id = %s AND e.run_id = ANY(%s) AND e.run_id = d.run_id AND e.kind = 'planned'
"""
# What a failed run did not make has failed; what another did not make (skipped, cancelled) is as if it had never been planned.
_GIVEN_UP = """
    failed_at = CASE WHEN p.failed THEN p.at ELSE s.failed_at END,
    failed_run_id = CASE WHEN p.failed THEN p.run_id ELSE s.failed_run_id END,
    planned_id = CASE WHEN p.failed THEN s.planned_id END,
    planned_run_id = CASE WHEN p.failed THEN s.planned_run_id END
"""
_LATEST = "s.planned_run_id = p.run_id AND s.planned_id > coalesce(s.materialization_id, 0)"
ASSET_GIVEN_UP = f"""
    WITH p AS ({_PLANNED}), locked AS (
        SELECT s.deployment_id, s.asset_key FROM asset_state s JOIN p USING (deployment_id, asset_key)
        WHERE {_LATEST} ORDER BY 1, 2 FOR NO KEY UPDATE OF s)
    UPDATE asset_state s SET {_GIVEN_UP} FROM p JOIN locked USING (deployment_id, asset_key)
    WHERE s.deployment_id = p.deployment_id AND s.asset_key = p.asset_key AND {_LATEST}
"""
PARTITION_GIVEN_UP = f"""
    WITH p AS ({_PLANNED} AND e.partition_key IS NOT NULL), locked AS (
        SELECT s.deployment_id, s.asset_key, s.partition_key FROM partition_state s
        JOIN p USING (deployment_id, asset_key, partition_key) WHERE {_LATEST} ORDER BY 1, 2, 3 FOR NO KEY UPDATE OF s)
    UPDATE partition_state s SET {_GIVEN_UP} FROM p JOIN locked USING (deployment_id, asset_key, partition_key)
    WHERE s.deployment_id = p.deployment_id AND s.asset_key = p.asset_key AND s.partition_key = p.partition_key AND {_LATEST}
"""
