"""The one list of routers."""

from fastapi import FastAPI

from app.customers.router import router as customers
from app.health.router import router as health
from app.invoices.router import router as invoices
from app.payments.router import router as payments
from app.policies.router import router as policies
from app.reminders.router import router as reminders
from app.reports.router import router as reports
from app.simulation.router import advance_router
from app.simulation.router import router as test_clock
from app.tenants.keys.router import router as api_keys
from app.tenants.router import router as tenant
from app.webhooks.deliveries.router import router as deliveries
from app.webhooks.events.router import router as events
from app.webhooks.router import router as webhook_endpoints

ROUTERS = (
    health,
    customers,
    invoices,
    payments,
    test_clock,
    advance_router,
    tenant,
    api_keys,
    reminders,
    reports,
    policies,
    webhook_endpoints,
    deliveries,
    events,
)


def include_routers(app: FastAPI) -> None:
    """Mount every resource."""
    for router in ROUTERS:
        app.include_router(router)
