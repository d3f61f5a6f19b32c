"""The application behind a real port, for clients that speak HTTP themselves."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import uvicorn

from app.core.server import BoundedProtocol
from app.core.settings import Settings
from app.main import create_app


@dataclass(frozen=True, slots=True)
class Served:
    """Where it listens."""

    url: str


class _Server(uvicorn.Server):
    """A server in a thread, where signals cannot be handled."""

    def install_signal_handlers(self) -> None:
        """Leave signals to the tests."""


@contextmanager
def serve(settings: Settings) -> Iterator[Served]:
    """Serve the application in a thread, on a free port of the loopback interface."""
    config = uvicorn.Config(
        create_app(settings),
        http=BoundedProtocol,
        host="127.0.0.1",
        port=0,
        log_config=None,
        access_log=False,
        ws="none",
    )
    server = _Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True)
    thread.start()
    started = threading.Event()
    for _ in range(600):
        if server.started:
            break
        started.wait(0.05)
    assert server.started, "the server has not started in 30 seconds"
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield Served(f"http://127.0.0.1:{port}")
    finally:
        server.should_exit = True
        thread.join(timeout=30)
