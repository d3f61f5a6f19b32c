"""Runs as background work; an index of a table that was in use, and the proof of new constraints, while the service runs

Revision: 0006
Follows: 0005
"""

import sqlalchemy as sa
from alembic import op

from migrations.guards import prove
from migrations.walls import definer

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# As before, and runs, which are worked off by real time whatever clock their tenant has.
TENANTS_DUE = """
BEGIN
    RETURN QUERY SELECT t.id, t.mode = 'test' FROM tenants t
    WHERE CASE kind
        WHEN 'dunning.tick' THEN t.mode = 'live' AND EXISTS (
            SELECT FROM customers c WHERE c.tenant_id = t.id AND c.next_action_at <= statement_timestamp())
        WHEN 'reminder.send' THEN t.mode = 'live' AND t.sending <> 'paused' AND EXISTS (
            SELECT FROM reminders r WHERE r.tenant_id = t.id AND r.status = 'ready'
            AND r.next_attempt_at <= statement_timestamp())
        WHEN 'reminder.rescue' THEN t.mode = 'live' AND EXISTS (
            SELECT FROM reminders r WHERE r.tenant_id = t.id AND r.status = 'sending'
            AND r.next_attempt_at <= statement_timestamp())
        WHEN 'event.relay' THEN (t.advance_lease_until IS NULL OR t.advance_lease_until < statement_timestamp())
            AND EXISTS (SELECT FROM events e WHERE e.tenant_id = t.id AND e.sequence IS NULL)
        WHEN 'webhook.deliver' THEN (t.advance_lease_until IS NULL OR t.advance_lease_until < statement_timestamp())
            AND EXISTS (
                SELECT FROM webhook_endpoints w WHERE w.tenant_id = t.id AND w.status = 'enabled' AND (
                    EXISTS (SELECT FROM deliveries d WHERE d.tenant_id = w.tenant_id AND d.endpoint_id = w.id
                        AND d.status = 'pending' AND (t.mode = 'test' OR d.next_attempt_at <= statement_timestamp()))
                    OR EXISTS (SELECT FROM deliveries d WHERE d.tenant_id = w.tenant_id AND d.endpoint_id = w.id
                        AND d.status = 'retry_scheduled' AND t.mode = 'live'
                        AND d.next_attempt_at <= statement_timestamp())
                    OR EXISTS (SELECT FROM deliveries d WHERE d.tenant_id = w.tenant_id AND d.endpoint_id = w.id
                        AND d.status = 'in_flight' AND d.lease_expires_at <= statement_timestamp()
                        AND (t.mode = 'live' OR d.attempt_count = 0))))
        WHEN 'import.run' THEN EXISTS (
            SELECT FROM imports m WHERE m.tenant_id = t.id AND m.status IN ('queued', 'running')
            AND (m.lease_expires_at IS NULL OR m.lease_expires_at <= statement_timestamp())
            AND m.next_attempt_at <= statement_timestamp())
        WHEN 'dunning.run' THEN (t.advance_lease_until IS NULL OR t.advance_lease_until < statement_timestamp())
            AND EXISTS (SELECT FROM dunning_runs d WHERE d.tenant_id = t.id AND d.status IN ('planning', 'approved'))
        WHEN 'tenant.every' THEN true
        ELSE false END
    ORDER BY t.id LIMIT most;
END
"""
LAGS = """
BEGIN
    RETURN QUERY
    WITH awake AS (
        SELECT t.id, t.mode, t.sending FROM tenants t
        WHERE t.advance_lease_until IS NULL OR t.advance_lease_until < statement_timestamp()
    ), found (kind, number, since) AS (
        SELECT 'event.relay', count(*), min(uuid_extract_timestamp(e.id)) FROM awake t
        JOIN events e ON e.tenant_id = t.id AND e.sequence IS NULL
        UNION ALL
        SELECT 'dunning.tick', count(*), min(c.next_action_at) FROM awake t
        JOIN customers c ON c.tenant_id = t.id AND c.next_action_at <= statement_timestamp() WHERE t.mode = 'live'
        UNION ALL
        SELECT 'reminder.send', count(*), min(r.next_attempt_at) FROM awake t
        JOIN reminders r ON r.tenant_id = t.id AND r.status = 'ready' AND r.next_attempt_at <= statement_timestamp()
        WHERE t.mode = 'live' AND t.sending <> 'paused'
        UNION ALL
        SELECT 'reminder.rescue', count(*), min(r.next_attempt_at) FROM awake t
        JOIN reminders r ON r.tenant_id = t.id AND r.status = 'sending' AND r.next_attempt_at <= statement_timestamp()
        WHERE t.mode = 'live'
        UNION ALL
        SELECT 'webhook.deliver', count(*), min(d.next_attempt_at) FROM awake t
        JOIN webhook_endpoints w ON w.tenant_id = t.id AND w.status = 'enabled'
        JOIN deliveries d ON d.tenant_id = w.tenant_id AND d.endpoint_id = w.id
            AND d.status IN ('pending', 'retry_scheduled') AND d.next_attempt_at <= statement_timestamp()
        WHERE t.mode = 'live'
        UNION ALL
        SELECT 'webhook.deliver', count(*), min(uuid_extract_timestamp(d.id)) FROM awake t
        JOIN webhook_endpoints w ON w.tenant_id = t.id AND w.status = 'enabled'
        JOIN deliveries d ON d.tenant_id = w.tenant_id AND d.endpoint_id = w.id AND d.status = 'pending'
        WHERE t.mode = 'test'
        UNION ALL
        SELECT 'webhook.rescue', count(*), min(d.lease_expires_at) FROM awake t
        JOIN webhook_endpoints w ON w.tenant_id = t.id AND w.status = 'enabled'
        JOIN deliveries d ON d.tenant_id = w.tenant_id AND d.endpoint_id = w.id AND d.status = 'in_flight'
            AND d.lease_expires_at <= statement_timestamp()
        WHERE t.mode = 'live' OR d.attempt_count = 0
        UNION ALL
        SELECT 'import.run', count(*), min(m.next_attempt_at) FROM awake t
        JOIN imports m ON m.tenant_id = t.id AND m.status IN ('queued', 'running')
            AND m.next_attempt_at <= statement_timestamp()
        UNION ALL
        SELECT 'dunning.run', count(*),
            -- A test tenant's clock is its own; the id of a run is of real time.
            min(CASE WHEN t.mode = 'live' THEN d.updated_at
                WHEN d.status = 'planning' THEN uuid_extract_timestamp(d.id) END)
        FROM awake t JOIN dunning_runs d ON d.tenant_id = t.id AND d.status IN ('planning', 'approved')
    )
    SELECT found.kind, sum(found.number)::bigint,
        greatest(coalesce(extract(epoch FROM statement_timestamp() - min(found.since)), 0), 0)::bigint
    FROM found GROUP BY found.kind;
END
"""


def upgrade() -> None:
    for statement in (
        *definer("app_tenants_due(kind text, most integer)", "TABLE (tenant_id uuid, is_test boolean)", TENANTS_DUE),
        *definer("app_lags()", "TABLE (kind text, waiting bigint, oldest_seconds bigint)", LAGS),
    ):
        op.execute(statement)
    # Outside of a transaction, as building them concurrently asks for; each can be repeated after a failure.
    with op.get_context().autocommit_block():
        prove("tenants", "ck_tenants_dunning_mode")
        prove("dunning_cases", "ck_dunning_cases_late_entry")
        op.create_index(
            "ix_events_customer_id",
            "events",
            ["tenant_id", "customer_id", "created_at", "id"],
            unique=False,
            postgresql_where=sa.text("customer_id IS NOT NULL"),
            postgresql_concurrently=True,
            if_not_exists=True,
        )


def downgrade() -> None:
    raise NotImplementedError("what was said and agreed is not undone; go forward with a new revision")
