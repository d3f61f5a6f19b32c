"""An ERP that listens: a real HTTP receiver on this machine, and the work that sends it something."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web
from fastapi import FastAPI
from standardwebhooks import Webhook

from app.outbox.relay import relay
from app.simulation.advance import Simulation
from app.webhooks.delivery import Deliverer
from tests.conftest import Api

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Message:
    """One request as it arrived."""

    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        """The event's id."""
        return self.headers["webhook-id"]

    @property
    def event(self) -> Any:
        """The event in it."""
        return orjson.loads(self.body)

    def is_signed_with(self, secret: str) -> bool:
        """Whether the reference implementation accepts the signature."""
        try:
            Webhook(secret).verify(self.body, self.headers)
        except Exception:
            return False
        return True


@dataclass(slots=True)
class Receiver:
    """Keeps what arrives and answers what the test says: first `answers` in turn, then `status`."""

    port: int = 0
    status: int = 200
    answers: deque[Answer] = field(default_factory=deque)
    messages: list[Message] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}/hooks"

    @property
    def types(self) -> list[str]:
        """Types of the events, in the order of arrival."""
        return [message.event["type"] for message in self.messages]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Take one request."""
        self.messages.append(Message(dict(request.headers), await request.read()))
        self.arrived.set()
        if self.answers:
            return await self.answers.popleft()(request)
        return web.Response(status=self.status, text="noted")


@asynccontextmanager
async def receiver(status: int = 200) -> AsyncIterator[Receiver]:
    """A running receiver."""
    made = Receiver(status=status)
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", made.handle)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.port = runner.addresses[0][1]
    try:
        yield made
    finally:
        await runner.cleanup()


def answer(status: int, **headers: str) -> Answer:
    """An answer with headers."""

    async def make(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, headers={name.replace("_", "-"): value for name, value in headers.items()})

    return make


def answer_when(released: asyncio.Event, status: int = 200) -> Answer:
    """An answer that is held back."""

    async def make(_request: web.Request) -> web.StreamResponse:
        await released.wait()
        return web.Response(status=status)

    return make


@dataclass(slots=True)
class Worker:
    """The background work of one tenant, done when the test says."""

    api: Api
    simulation: Simulation

    @classmethod
    def of(cls, app: FastAPI, api: Api) -> "Worker":
        """The worker of the application under test."""
        return cls(api, app.state.simulation)

    @property
    def deliverer(self) -> Deliverer:
        """What posts."""
        return self.simulation.deliverer

    async def relay(self, limit: int = 500) -> int:
        """Relay every event; how many."""
        total = 0
        while True:
            async with self.simulation.database.unit_of_work(self.api.tenant_id) as uow:
                events, _ = await relay(uow, limit=limit, wait=True)
            if not events:
                return total
            total += events

    async def work(self) -> int:
        """Relay and make every due attempt, as a worker does outside of an advance; how many attempts."""
        await self.relay()
        total = 0
        while made := await self.deliverer.deliver_batch(self.api.tenant_id, first_attempts_only=True):
            total += made
        return total


async def listen(api: Api, url: str, **fields: Any) -> Any:
    """A webhook endpoint, with its secret."""
    return await api.post("/webhook-endpoints", {"url": url, **fields})


async def deliveries(api: Api, endpoint: Any, **params: Any) -> list[Any]:
    """Deliveries of an endpoint, oldest first."""
    return (await api.all(f"/webhook-endpoints/{endpoint['id']}/deliveries", **params))[::-1]


async def attempts(api: Api, delivery: Any) -> list[Any]:
    """Attempts of a delivery."""
    found: list[Any] = (await api.get(f"/deliveries/{delivery['id']}/attempts"))["data"]
    return found
