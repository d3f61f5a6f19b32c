"""The one list of routers."""

from fastapi import FastAPI

from app.activities.router import router as activities
from app.charges.router import router as charges
from app.credit_notes.router import router as credit_notes
from app.customers.erasure.router import router as customer_erasure
from app.customers.inbound.router import router as inbound_messages
from app.customers.router import router as customers
from app.disputes.router import router as disputes
from app.health.router import router as health
from app.holds.router import router as holds
from app.imports.router import router as imports
from app.imports.router import upload_router
from app.invoices.closing.router import router as invoice_closing
from app.invoices.router import router as invoices
from app.payments.router import router as payments
from app.placements.router import router as placements
from app.plans.links.router import router as plan_links
from app.plans.router import router as payment_plans
from app.policies.moving.router import router as policy_migrations
from app.policies.router import router as policies
from app.promises.router import router as promises
from app.rate_tables.router import router as rate_tables
from app.reminders.callbacks.router import router as provider_callbacks
from app.reminders.receipts.router import router as reminder_receipts
from app.reminders.router import router as reminders
from app.reports.customers.router import router as customer_reports
from app.reports.promises.router import router as promise_reports
from app.reports.router import router as reports
from app.reports.steps.router import router as step_reports
from app.reports.timeline.router import customer_router as customer_timelines
from app.reports.timeline.router import invoice_router as invoice_timelines
from app.reports.turnover.router import router as turnover_reports
from app.reports.write_offs.router import router as write_off_reports
from app.runs.router import router as dunning_runs
from app.simulation.router import advance_router
from app.simulation.router import router as test_clock
from app.tasks.router import router as tasks
from app.templates.router import router as templates
from app.tenants.keys.router import router as api_keys
from app.tenants.profiles.router import router as contact_profiles
from app.tenants.router import router as tenant
from app.terms.router import router as terms
from app.webhooks.deliveries.router import router as deliveries
from app.webhooks.events.router import router as events
from app.webhooks.router import router as webhook_endpoints

ROUTERS = (
    health,
    customers,
    customer_erasure,
    inbound_messages,
    invoices,
    invoice_closing,
    credit_notes,
    payments,
    charges,
    rate_tables,
    terms,
    holds,
    promises,
    disputes,
    placements,
    payment_plans,
    plan_links,
    upload_router,
    imports,
    test_clock,
    advance_router,
    tenant,
    contact_profiles,
    api_keys,
    reminder_receipts,
    reminders,
    provider_callbacks,
    reports,
    customer_reports,
    turnover_reports,
    promise_reports,
    write_off_reports,
    policies,
    policy_migrations,
    webhook_endpoints,
    deliveries,
    events,
    templates,
    activities,
    tasks,
    dunning_runs,
    customer_timelines,
    invoice_timelines,
    step_reports,
)


def include_routers(app: FastAPI) -> None:
    """Mount every resource.

    Route by route: an included router is asked anew by every request for what it would make of each of its routes,
    which took a tenth of a POST.
    """
    for router in ROUTERS:
        app.router.routes.extend(router.routes)
