"""The engines from wheels, for real: what they leave alone, what they leave behind, and who may have them."""

import asyncio
import os
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis.asyncio
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from app.embedded import AlreadyRunning, EmbeddedEngines, EmbeddedError, Engines

ROOT = Path(__file__).parents[2]
HOLD = """
import sys, time
from pathlib import Path
from app.embedded import EmbeddedEngines
with EmbeddedEngines(Path(sys.argv[1]), durable=False, address="http://127.0.0.1:8000"):
    print("ready", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def home() -> Iterator[Path]:
    """A private folder whose path is short, as pytest's need not be."""
    with tempfile.TemporaryDirectory(prefix="pt-") as folder:
        yield Path(folder)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def exists(path: Path) -> bool:
    return path.exists()


def files_in(folder: Path) -> set[Path]:
    return set(folder.iterdir())


def modes(path: Path) -> dict[Path, tuple[int, int]]:
    return {place: (mode(place), place.stat().st_uid) for place in (path, *path.resolve().parents)}


def processes_of(data_dir: Path) -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes()
        except OSError:
            continue
        if os.fsencode(data_dir) in line:
            found.append(line.replace(b"\0", b" ").decode(errors="replace"))
    return found


def wait_until_gone(data_dir: Path) -> list[str]:
    deadline = time.monotonic() + 10
    while (left := processes_of(data_dir)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


async def ask(engines: Engines, statement: str) -> object:
    engine = create_async_engine(engines.database_url)
    try:
        async with engine.begin() as connection:
            result = await connection.execute(text(statement))
            return result.scalar() if result.returns_rows else None
    finally:
        await engine.dispose()


async def ping(engines: Engines) -> bool:
    async with redis.asyncio.Redis.from_url(engines.redis_url) as client:
        return bool(await client.ping())


def hold(data_dir: Path) -> subprocess.Popen[str]:
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(data_dir)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "ready\n"
    return holder


def kill(holder: subprocess.Popen[str]) -> None:
    holder.kill()
    holder.wait()
    assert holder.stdout is not None
    holder.stdout.close()


async def test_two_runs_keep_the_data_and_leave_nothing_else(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shared, own = Path(tempfile.gettempdir()), home / "temporary"
    own.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(own))
    private = home / "private"
    private.mkdir(mode=0o700)
    venv = Path(sys.prefix)
    before = modes(private) | modes(venv)
    shared_before = files_in(shared)
    data_dir = private / "data"
    for run in (1, 2):
        began = time.monotonic()
        with EmbeddedEngines(data_dir, durable=False) as embedded:
            assert run == 1 or time.monotonic() - began < 3
            engines = embedded.start()
            if run == 1:
                await ask(engines, "CREATE TABLE kept AS SELECT 42 AS answer")
            assert await ask(engines, "SELECT answer FROM kept") == 42
            assert await ask(engines, "SELECT current_user::text || '@' || current_database()") == "postgres@puntual"
            assert await ask(engines, "SHOW timezone") == "UTC"
            assert await ask(engines, "SHOW listen_addresses") == ""
            assert await ask(engines, "SELECT upper('ñ')") == "Ñ"
            assert await ping(engines)
            for folder in (data_dir, data_dir / "run", data_dir / "run/pg", data_dir / "postgres"):
                assert mode(folder) == 0o700
        embedded.stop()
        assert wait_until_gone(data_dir) == []
        assert not exists(data_dir / "run")
    assert modes(private) | modes(venv) == before
    assert files_in(own) == set()
    # Other tests use it at the same time, so only what an engine would leave counts.
    new = files_in(shared) - shared_before
    assert [path for path in new if path.name.startswith((".s.PGSQL", "valkey", "pg", "pixeltable"))] == []


async def test_settings_follow_durability(home: Path) -> None:
    with EmbeddedEngines(home / "data", valkey=False) as embedded:
        engines = embedded.start()
        assert engines.redis_url == ""
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            assert await ask(engines, f"SHOW {setting}") == "on"
    with EmbeddedEngines(home / "data", durable=False, valkey=False) as embedded:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            assert await ask(embedded.start(), f"SHOW {setting}") == "off"


async def test_a_second_holder_is_told_who_is_first(home: Path) -> None:
    holder = hold(home / "data")
    try:
        with pytest.raises(AlreadyRunning) as refused:
            EmbeddedEngines(home / "data").start()
        assert f"process {holder.pid}, http://127.0.0.1:8000" in str(refused.value)
        assert holder.poll() is None
    finally:
        kill(holder)
    # Nobody could stop them in order; the kernel told them, and the next start waits for what is still ending.
    with EmbeddedEngines(home / "data", durable=False) as embedded:
        assert await ask(embedded.start(), "SELECT 1") == 1
        assert await ping(embedded.start())
    assert wait_until_gone(home / "data") == []


async def test_engines_die_with_a_killed_holder(home: Path) -> None:
    kill(hold(home / "data"))
    assert wait_until_gone(home / "data") == []


async def test_a_server_left_running_is_replaced(home: Path) -> None:
    data_dir = home / "data"
    first = EmbeddedEngines(data_dir, durable=False)
    first.start()
    assert first._postgres is not None
    assert first._valkey is not None
    # As after the death of a holder on a system that does not tell children.
    first._folder.close()
    with EmbeddedEngines(data_dir, durable=False) as second:
        assert await ask(second.start(), "SELECT 1") == 1
        assert first.died() is not None
        # To collect them: they are children of this very process.
        first._postgres.stop()
        first._valkey.stop()
    assert wait_until_gone(data_dir) == []


async def test_a_path_too_long_for_sockets(home: Path) -> None:
    data_dir = home / ("long, and with: odd characters " * 3) / ("x" * 60)
    with EmbeddedEngines(data_dir, durable=False) as embedded:
        engines = embedded.start()
        sockets = Path((data_dir / "sockets").read_text())
        assert mode(sockets) == 0o700
        assert len(f"{sockets}/pg/.s.PGSQL.5432") < 100
        assert await ask(engines, "SELECT 1") == 1
        assert await ping(engines)
    assert not exists(sockets)
    kill(hold(data_dir))
    left = Path((data_dir / "sockets").read_text())
    assert wait_until_gone(data_dir) == []
    with EmbeddedEngines(data_dir, durable=False, postgres=False) as embedded:
        assert await ping(embedded.start())
        assert not exists(left)


async def test_started_from_a_thread_that_ends(home: Path) -> None:
    embedded = EmbeddedEngines(home / "data", durable=False)
    starter = threading.Thread(target=embedded.start)
    starter.start()
    starter.join()
    try:
        await asyncio.sleep(0.3)
        engines = embedded.start()
        assert await ask(engines, "SELECT 1") == 1
        assert await ping(engines)
    finally:
        embedded.stop()


async def test_restart_of_postgres_keeps_what_was_committed(home: Path) -> None:
    with EmbeddedEngines(home / "data", valkey=False) as embedded:
        engines = embedded.start()
        await ask(engines, "CREATE TABLE kept AS SELECT 42 AS answer")
        engine = create_async_engine(engines.database_url)
        async with engine.connect() as connection:
            await asyncio.to_thread(embedded.restart_postgres)
            with pytest.raises(DBAPIError):
                await connection.execute(text("SELECT 1"))
        await engine.dispose()
        assert await ask(engines, "SELECT answer FROM kept") == 42
        assert embedded.died() is None
        os.kill(int((home / "data/postgres/postmaster.pid").read_text().split()[0]), signal.SIGQUIT)
        assert wait_until_gone(home / "data") == []
        died = embedded.died()
        assert died is not None
        assert died[0] == "PostgreSQL"


def test_a_folder_of_somebody_else_is_left_alone(home: Path) -> None:
    (home / "precious").mkdir(mode=0o755)
    (home / "precious/letter").touch()
    with pytest.raises(EmbeddedError, match="neither empty nor a data folder"):
        EmbeddedEngines(home / "precious").start()
    assert mode(home / "precious") == 0o755
    assert [path.name for path in (home / "precious").iterdir()] == ["letter"]


def test_a_broken_cluster_is_explained(home: Path) -> None:
    (home / "data").mkdir(mode=0o700)
    (home / "data/postgres").mkdir(mode=0o700)
    with pytest.raises(EmbeddedError, match=r"the end of .*postgres\.log"):
        EmbeddedEngines(home / "data").start()
    assert wait_until_gone(home / "data") == []
    with EmbeddedEngines(home / "data", postgres=False, valkey=False) as embedded:
        assert embedded.start() == Engines("", "")
