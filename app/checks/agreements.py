"""What must always hold of payment plans, in the form of `app.checks.invariants`."""

from typing import Final

from app.checks.invariants import Invariant

AGREEMENTS: Final = (
    Invariant(
        "plan_instalments",
        "What a payment plan keeps as paid is what its instalments were paid, and they pay back all that it covers and "
        "its fee.",
        """
        SELECT p.id, (p.paid_minor - coalesce(i.paid, 0)) || '/'
            || (p.principal_minor + p.setup_fee_minor - coalesce(i.core, 0)) AS difference
        FROM payment_plans p LEFT JOIN (
            SELECT plan_id, sum(paid_minor) AS paid, sum(principal_minor + fee_minor) AS core
            FROM plan_instalments WHERE tenant_id = :tenant_id GROUP BY plan_id
        ) i ON i.plan_id = p.id
        WHERE p.tenant_id = :tenant_id
            AND (p.paid_minor, p.principal_minor + p.setup_fee_minor) <> (coalesce(i.paid, 0), coalesce(i.core, 0))
        """,
    ),
    Invariant(
        "plan_charges",
        "The interest and the fee of an active payment plan have been charged.",
        """
        SELECT p.id, (i.cost - coalesce(c.charged, 0))::text AS difference
        FROM payment_plans p JOIN (
            SELECT plan_id, sum(interest_minor + fee_minor) AS cost
            FROM plan_instalments WHERE tenant_id = :tenant_id GROUP BY plan_id
        ) i ON i.plan_id = p.id LEFT JOIN (
            SELECT plan_id, sum(amount_minor) AS charged FROM charges
            WHERE tenant_id = :tenant_id AND plan_id IS NOT NULL AND status <> 'reversed' GROUP BY plan_id
        ) c ON c.plan_id = p.id
        WHERE p.tenant_id = :tenant_id AND p.status = 'active' AND i.cost > coalesce(c.charged, 0)
        """,
    ),
    Invariant(
        "plan_open",
        "What an active payment plan asks for is open of what it covers.",
        """
        SELECT p.id, (a.asked - o.open)::text AS difference
        FROM payment_plans p JOIN (
            SELECT plan_id, sum(principal_minor + interest_minor + fee_minor - paid_minor) AS asked
            FROM plan_instalments WHERE tenant_id = :tenant_id GROUP BY plan_id
        ) a ON a.plan_id = p.id JOIN (
            SELECT c.plan_id, sum(i.principal_open_minor + i.interest_open_minor + i.fees_open_minor) AS open
            FROM plan_invoices c JOIN invoices i ON i.tenant_id = c.tenant_id AND i.id = c.invoice_id
            WHERE c.tenant_id = :tenant_id GROUP BY c.plan_id
        ) o ON o.plan_id = p.id
        WHERE p.tenant_id = :tenant_id AND p.status = 'active' AND a.asked > o.open
        """,
    ),
    Invariant(
        "plan_cases",
        "A case of a payment plan chases what is open of its instalment, and runs while the plan is active.",
        """
        SELECT c.id, c.state || ' with ' || coalesce(c.plan_open_minor::text, '-') AS difference
        FROM dunning_cases c
        JOIN payment_plans p ON p.tenant_id = c.tenant_id AND p.id = c.plan_id
        JOIN plan_instalments i
            ON i.tenant_id = c.tenant_id AND i.plan_id = c.plan_id AND i.number = c.instalment_number
        WHERE c.tenant_id = :tenant_id AND c.state <> 'closed' AND (p.status <> 'active' OR c.plan_open_minor = 0
            OR c.plan_open_minor IS DISTINCT FROM i.principal_minor + i.interest_minor + i.fee_minor - i.paid_minor)
        """,
    ),
)
