"""The API process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from app import docs
from app.api import include_routers
from app.core.db import create_engine
from app.core.limits import RateLimiter
from app.core.log import configure_logging
from app.core.middleware import RequestMiddleware
from app.core.problems import install_problem_handlers
from app.core.queue import ArqDoorbell, Doorbell, SilentDoorbell, create_redis
from app.core.settings import Settings, get_settings
from app.core.uow import Database
from app.openapi import document as openapi
from app.outbox.writer import OutboxWriter
from app.reminders.sender import Sender, create_channels
from app.simulation.advance import Simulation
from app.webhooks.delivery import Deliverer
from app.webhooks.transport import WebhookTransport


def create_app(settings: Settings | None = None) -> FastAPI:
    """The application; connections are opened when it starts and closed when it stops."""
    settings = settings or get_settings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        configure_logging(settings.log_level)
        engine = create_engine(settings)
        doorbell: Doorbell = ArqDoorbell(create_redis(settings.redis_url)) if settings.redis_url else SilentDoorbell()
        database = Database(engine=engine, events=OutboxWriter(), doorbell=doorbell)
        transport = WebhookTransport.of(settings)
        sender = Sender(database, settings, create_channels(settings))
        app.state.database = database
        # The probes' own: they must tell of the database even while requests use every connection of the pool.
        app.state.probe_engine = probe_engine = create_engine(settings, pool_size=1)
        app.state.simulation = Simulation(database, settings, sender, Deliverer(database, settings, transport))
        yield
        await sender.close()
        await transport.close()
        if isinstance(doorbell, ArqDoorbell):
            await doorbell.close()
        await probe_engine.dispose()
        await engine.dispose()

    app = FastAPI(
        title="Puntual",
        version="1",
        lifespan=lifespan,
        redirect_slashes=False,
        openapi_url="/openapi.json",
        # These pages of FastAPI's load their scripts from elsewhere; `app.docs` serves its own.
        docs_url=None,
        redoc_url=None,
    )
    app.state.settings = settings
    app.state.limiter = RateLimiter.from_settings(settings)
    install_problem_handlers(app)
    include_routers(app)
    openapi.install(app)
    docs.install(app)
    app.add_middleware(RequestMiddleware, settings=settings)
    return app
