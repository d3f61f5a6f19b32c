"""The one list of routers."""

from fastapi import FastAPI

from app.customers.router import router as customers
from app.health import router as health

ROUTERS = (health, customers)


def include_routers(app: FastAPI) -> None:
    """Mount every resource."""
    for router in ROUTERS:
        app.include_router(router)
