"""Both engines of a data folder, started and stopped together."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from app.embedded import valkey as valkey_server
from app.embedded.folder import AlreadyRunning, DataFolder
from app.embedded.postgres import Postgres
from app.embedded.valkey import Valkey


@dataclass(frozen=True, slots=True)
class Engines:
    """Where the engines answer; empty for one that was not asked for."""

    database_url: str
    redis_url: str


@contextmanager
def reach_database(data_dir: Path) -> Iterator[str]:
    """The URL of a data folder's PostgreSQL: of the one that is running, or of one started for as long as this lasts.

    Raises:
        EmbeddedError: the engine cannot be started.
    """
    engines = EmbeddedEngines(data_dir, valkey=False)
    try:
        engines.start()
    except AlreadyRunning:
        yield _database_url(DataFolder(data_dir).last_sockets())
        return
    with engines:
        yield engines.start().database_url


def _database_url(sockets: Path) -> str:
    return f"postgresql+asyncpg://postgres@/puntual?host={sockets / 'pg'}"


class EmbeddedEngines:
    """Holds a data folder and runs the engines in it, until `stop` or the death of this process."""

    def __init__(
        self, data_dir: Path, *, durable: bool = True, postgres: bool = True, valkey: bool = True, address: str = ""
    ) -> None:
        self._folder = DataFolder(data_dir)
        self._address = address
        self._postgres = Postgres(self._folder.path, durable=durable) if postgres else None
        self._valkey = Valkey(self._folder.path) if valkey else None
        self._started: Engines | None = None

    @property
    def data_dir(self) -> Path:
        """The data folder, as an absolute path."""
        return self._folder.path

    def start(self) -> Engines:
        """Lock the data folder and start what was asked for; returns the same again if already started.

        Returns:
            The addresses of the engines.

        Raises:
            AlreadyRunning: another process holds the data folder.
            EmbeddedError: an engine cannot be started.
        """
        if self._started is not None:
            return self._started
        self._folder.open(address=self._address)
        try:
            self._started = self._start()
        except BaseException:
            # One engine may be up already when the other fails, or when Ctrl-C comes in between.
            self.stop()
            raise
        return self._started

    def stop(self) -> None:
        """Stop the engines, remove their sockets and let go of the folder; does nothing the second time."""
        if not self._folder.is_open:
            return
        try:
            if self._valkey:
                self._valkey.stop()
            if self._postgres:
                self._postgres.stop()
            self._folder.remove_sockets()
        finally:
            self._started = None
            self._folder.close()

    def restart_postgres(self) -> None:
        """Crash PostgreSQL and start it again under the same address."""
        if self._postgres is None or self._started is None:
            raise RuntimeError("no PostgreSQL of ours is running")
        self._postgres.restart()

    def died(self) -> tuple[str, Path] | None:
        """Tell which engine has ended without being asked, by name and log; nothing while all is well."""
        if self._postgres and self._postgres.is_dead():
            return "PostgreSQL", self._postgres.log
        if self._valkey and self._valkey.is_dead():
            return "Valkey", self._valkey.log
        return None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _start(self) -> Engines:
        valkey_server.stop_leftover(self._folder.last_sockets())
        if self._postgres:
            self._postgres.stop_leftover()
        sockets = self._folder.make_sockets() if self._postgres or self._valkey else Path()
        database_url = redis_url = ""
        if self._valkey:
            self._valkey.start(sockets)
            redis_url = f"unix://{valkey_server.socket_in(sockets)}?db=0"
        if self._postgres:
            self._postgres.start(sockets)
            database_url = _database_url(sockets)
        return Engines(database_url, redis_url)
