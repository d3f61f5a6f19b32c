"""Puntual for the length of a program: engines, API and worker of its own, in a folder of their own."""

import http.client
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

from app.embedded import EmbeddedEngines
from app.embedded.process import end, spawn, tail

HOST = "127.0.0.1"
_ROOT = Path(__file__).resolve().parent.parent
_READY_SECONDS = 60.0
_STOP_SECONDS = 12.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(Exception):  # noqa: N818  asked for, so not an error
    """Somebody pressed Ctrl-C or sent SIGTERM."""


class Failed(Exception):  # noqa: N818  a message for the person at the terminal
    """Why the program cannot go on."""


class Interrupts:
    """Ctrl-C and SIGTERM as a flag that is looked at between two steps.

    An exception out of nowhere could strike between starting a process and knowing of it.
    """

    def __init__(self) -> None:
        self._asked = False
        self._previous: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        self._previous = {number: signal.signal(number, self._on_signal) for number in _SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def check(self) -> None:
        """Go on, or stop.

        Raises:
            Stopped: somebody has asked for it.
        """
        if self._asked:
            raise Stopped

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._asked = True


class Service:
    """A Puntual of one's own; nothing of the user's environment reaches it, least of all a mail server."""

    def __init__(self, folder: Path, interrupts: Interrupts, *, port: int = 0) -> None:
        self.folder = folder
        self.port = port
        self._interrupts = interrupts
        self._engines = EmbeddedEngines(folder, durable=False)
        self._environment: dict[str, str] = {}
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def url(self) -> str:
        """Where the API answers."""
        return f"http://{HOST}:{self.port}"

    def start(self) -> None:
        """Start everything and wait until it answers.

        Raises:
            Failed: a part of it does not start.
            Stopped: somebody has asked for it meanwhile.
        """
        self.port = free_port(self.port)
        engines = self._engines.start()
        ours = ("PUNTUAL_", "DATABASE_", "REDIS_")
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)} | {
            "DATABASE_URL": engines.database_url,
            "REDIS_URL": engines.redis_url,
            "PUNTUAL_SECRET_KEY": secrets.token_urlsafe(32),
            "PUNTUAL_DATA_DIR": str(self.folder),
            "PUNTUAL_LOG_LEVEL": "warning",
            # The receiver is on this machine.
            "PUNTUAL_WEBHOOK_ALLOW_LOOPBACK": "true",
            "PYTHONUNBUFFERED": "1",
        }
        self.finish("migrate")
        self._spawn("serve", "--host", HOST, "--port", str(self.port))
        self._spawn("worker")
        self._wait_until_ready()

    def create_tenant(self, *options: str) -> dict[str, str]:
        """Make a tenant; its id and its API key."""
        made: dict[str, str] = json.loads(self.finish("tenants", "create", *options).splitlines()[-1])
        return made

    def finish(self, *arguments: str) -> str:
        """Run one command of the application to its end; what it printed.

        Raises:
            Failed: it failed.
        """
        child = self._spawn(*arguments)
        while child.poll() is None:
            self._pause()
        del self._children[arguments[0]]
        log = self._log(arguments[0])
        if child.returncode != 0:
            raise Failed(f"`python -m app {' '.join(arguments)}` failed:\n{tail(log)}")
        return log.read_text(encoding="utf-8")

    def check(self) -> None:
        """Tell whether everything still runs.

        Raises:
            Failed: a part of it has ended.
        """
        for name, child in self._children.items():
            if child.poll() is not None:
                raise Failed(f"`python -m app {name}` has ended unexpectedly:\n{tail(self._log(name))}")
        dead = self._engines.died()
        if dead is not None:
            raise Failed(f"{dead[0]} has ended unexpectedly:\n{tail(dead[1])}")

    def stop(self) -> None:
        """Stop everything; nothing is left running."""
        for child in self._children.values():
            if child.poll() is None:
                child.terminate()
        deadline = time.monotonic() + _STOP_SECONDS
        for child in self._children.values():
            try:
                child.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                end(child)
        self._children.clear()
        self._engines.stop()

    def _log(self, name: str) -> Path:
        return self.folder / "logs" / f"{name}.log"

    def _spawn(self, *arguments: str) -> subprocess.Popen[bytes]:
        log = self._log(arguments[0])
        log.parent.mkdir(mode=0o700, exist_ok=True)
        log.write_bytes(b"")
        child = spawn([sys.executable, "-m", "app", *arguments], log=log, env=self._environment, cwd=_ROOT)
        self._children[arguments[0]] = child
        return child

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        while not self._is_ready():
            self.check()
            if time.monotonic() > deadline:
                raise Failed(f"The API does not get ready:\n{tail(self._log('serve'))}")
            self._pause()

    def _is_ready(self) -> bool:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=2.0)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _pause(self) -> None:
        self._interrupts.check()
        time.sleep(0.05)


def free_port(wanted: int = 0) -> int:
    """A port that is free now: the wanted one, or any for 0.

    Raises:
        Failed: the wanted one is taken.
    """
    with socket.socket() as trial:
        # As the server will: a port that is merely cooling down is free.
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((HOST, wanted))
        except OSError as refused:
            raise Failed(
                f"Port {wanted} cannot be used ({refused.strerror}); leave it out and a free one is taken."
            ) from None
        return int(trial.getsockname()[1])
