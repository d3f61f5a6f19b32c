"""Runs the whole service on one machine: engines, migrations, API and worker, until told to stop."""

import contextlib
import http.client
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType

from rich.console import Console

from app.embedded import AlreadyRunning, EmbeddedEngines, EmbeddedError, Engines, reach_database
from app.embedded.process import end, rotate, spawn, tail

_READY_PATIENCE = 60.0
_STOP_PATIENCE = 12.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _Failed(Exception):  # noqa: N818  # a message for the person at the terminal
    """What to say before everything is stopped, and the log that tells more."""

    def __init__(self, message: str, log: Path | None = None) -> None:
        super().__init__(message)
        self.log = log


class _Stopped(Exception):  # noqa: N818  # asked for, so not an error
    """Somebody pressed Ctrl-C or sent SIGTERM."""


@contextlib.contextmanager
def database_of(data_dir: Path) -> Iterator[None]:
    """Let a command without `DATABASE_URL` use the data folder's own PostgreSQL, running or not."""
    if any(os.environ.get(name) for name in ("DATABASE_URL", "PUNTUAL_DATABASE_URL")):
        yield
        return
    with reach_database(data_dir) as url:
        os.environ["DATABASE_URL"] = url
        try:
            yield
        finally:
            del os.environ["DATABASE_URL"]


def up(*, host: str, port: int, data_dir: Path, command: Sequence[str] = (sys.executable, "-m", "app")) -> int:
    """Run everything until Ctrl-C, SIGTERM or the death of a part.

    PostgreSQL and Valkey are started only where DATABASE_URL and REDIS_URL do not name one.

    Args:
        host: the address the API listens on.
        port: the port the API listens on.
        data_dir: what must survive a restart; made if it is missing, readable by its owner only.
        command: the command line of the application, before its subcommand.

    Returns:
        The exit code: 0 when asked to stop, 1 when something is wrong.
    """
    told, failed = Console(), Console(stderr=True)
    engines = EmbeddedEngines(
        data_dir,
        postgres=not _given("DATABASE_URL"),
        valkey=not _given("REDIS_URL"),
        address=_address(host, port),
    )
    supervisor = _Supervisor(host, port, engines, command, told)
    with supervisor.listening_to_signals():
        try:
            supervisor.run()
        except _Stopped:
            told.print("Stopping…", highlight=False)
        except (_Failed, AlreadyRunning, EmbeddedError) as problem:
            failed.print(f"{problem}", style="bold red", markup=False, highlight=False, soft_wrap=True)
            log = problem.log if isinstance(problem, _Failed) else None
            if log is not None:
                failed.print(f"The end of {log}:\n{tail(log)}", markup=False, highlight=False, soft_wrap=True)
            return 1
        finally:
            supervisor.stop()
    told.print(f"Stopped. The data is kept in {engines.data_dir}.", highlight=False, soft_wrap=True)
    return 0


class _Supervisor:
    def __init__(
        self, host: str, port: int, engines: EmbeddedEngines, command: Sequence[str], console: Console
    ) -> None:
        self._host = host
        self._port = port
        self._engines = engines
        self._data_dir = engines.data_dir
        self._command = command
        self._console = console
        self._asked_to_stop = False
        self._environment = dict(os.environ)
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def run(self) -> None:
        with self._console.status("Starting…"):
            # First, because it takes the lock: a second start must not touch anything of the first.
            started = self._engines.start()
            self._check_port()
            self._prepare_environment(started)
            self._finish("migrate", "migrate")
            self._finish("demo", "tenants", "ensure-demo", "--data-dir", str(self._data_dir))
            self._spawn("api", "serve", "--host", self._host, "--port", str(self._port))
            self._spawn("worker", "worker")
            self._wait_until_ready()
        self._announce()
        while True:
            self._pause()
            self._check_children()

    def stop(self) -> None:
        # All are told before one is waited for; the worker finishes what it holds while the API drains.
        for child in self._children.values():
            if child.poll() is None:
                child.terminate()
        deadline = time.monotonic() + _STOP_PATIENCE
        for child in self._children.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(max(0.0, deadline - time.monotonic()))
            end(child)
        self._children.clear()
        self._engines.stop()

    @contextlib.contextmanager
    def listening_to_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        # A flag and not an exception, which could strike between starting a process and knowing of it.
        previous = {number: signal.signal(number, self._on_signal) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._asked_to_stop = True

    def _pause(self) -> None:
        if self._asked_to_stop:
            raise _Stopped
        time.sleep(0.1)

    def _prepare_environment(self, started: Engines) -> None:
        environment = self._environment
        environment["PYTHONUNBUFFERED"] = "1"
        # For development: the program that receives one's webhooks runs on the same machine.
        environment.setdefault("PUNTUAL_WEBHOOK_ALLOW_LOOPBACK", "true")
        environment["PUNTUAL_DATA_DIR"] = str(self._data_dir)
        environment["DATABASE_URL"] = started.database_url or _given("DATABASE_URL")
        environment["REDIS_URL"] = started.redis_url or _given("REDIS_URL")
        if started.database_url:
            # Left over from another database, it would send the migrations there.
            for name in ("DATABASE_ADMIN_URL", "PUNTUAL_DATABASE_ADMIN_URL"):
                environment.pop(name, None)
        if not environment.get("PUNTUAL_SECRET_KEY"):
            environment["PUNTUAL_SECRET_KEY"] = self._secret_key()

    # Parts -------------------------------------------------------------------------------------------------------

    def _log(self, name: str) -> Path:
        return self._data_dir / "logs" / f"{name}.log"

    def _spawn(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        log = self._log(name)
        log.parent.mkdir(mode=0o700, exist_ok=True)
        rotate(log)
        log.write_bytes(b"")
        child = spawn([*self._command, *arguments], log=log, env=self._environment)
        self._children[name] = child
        return child

    def _finish(self, name: str, *arguments: str) -> None:
        child = self._spawn(name, *arguments)
        while child.poll() is None:
            self._pause()
        del self._children[name]
        if child.returncode != 0:
            raise _Failed(f"`{' '.join(arguments)}` failed with exit code {child.returncode}.", self._log(name))

    def _check_children(self) -> None:
        for name, child in self._children.items():
            if child.poll() is not None:
                how = f"signal {-child.returncode}" if child.returncode < 0 else f"exit code {child.returncode}"
                raise _Failed(f"The {name} has ended unexpectedly ({how}).", self._log(name))
        dead = self._engines.died()
        if dead is not None:
            raise _Failed(f"{dead[0]} has ended unexpectedly.", dead[1])

    def _check_port(self) -> None:
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        with socket.socket(family) as trial:
            # As the server will: a port that is merely cooling down is free.
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind((self._host, self._port))
            except OSError as refused:
                raise _Failed(
                    f"{_address(self._host, self._port)} cannot be used ({refused.strerror}). "
                    f"Choose another port: make run PORT={self._port + 1}"
                ) from None

    def _secret_key(self) -> str:
        place = self._data_dir / "secret_key"
        if not place.exists():
            # Under another name until it is whole: a lost key makes every stored secret unreadable.
            fresh = place.with_suffix(".new")
            fresh.unlink(missing_ok=True)
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(secrets.token_urlsafe(32))
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(place)
        return place.read_text().strip()

    # Readiness ---------------------------------------------------------------------------------------------------

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + _READY_PATIENCE
        while self._status("/readyz") != 200:
            self._check_children()
            if time.monotonic() > deadline:
                raise _Failed(f"The api does not get ready in {_READY_PATIENCE:.0f} s.", self._log("api"))
            self._pause()
        self._check_children()

    def _status(self, path: str) -> int:
        connection = http.client.HTTPConnection(_reachable(self._host), self._port, timeout=2.0)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            connection.close()

    def _announce(self) -> None:
        address = _address(self._host, self._port)
        try:
            key = json.loads((self._data_dir / "demo.json").read_text())["api_key"]
        except (OSError, ValueError, KeyError) as unreadable:
            raise _Failed(f"The key of the test tenant cannot be read from {self._data_dir}/demo.json.") from unreadable
        lines = (
            "",
            f"Puntual is running on {address}",
            "",
            f"  Documentation  {address}/docs",
            f"  API key        {key}  (a test tenant, also in {self._data_dir}/demo.json)",
            f"  Logs           {self._data_dir}/logs",
            "",
            "Try it:",
            "",
            f'  curl -s -H "Authorization: Bearer {key}" {address}/v1/tenant',
            "",
            "Ctrl-C stops everything and keeps the data.",
        )
        # Never wrapped: the curl line is there to be copied.
        self._console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)


def _given(name: str) -> str:
    return os.environ.get(name) or os.environ.get(f"PUNTUAL_{name}", "")


def _reachable(host: str) -> str:
    return {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  # compared, not bound


def _address(host: str, port: int) -> str:
    name = _reachable(host)
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"
