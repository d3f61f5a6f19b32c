"""`make run` from outside: what it starts, says, survives and stops."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

ROOT = Path(__file__).parents[2]
UP = """
import sys
from pathlib import Path
from app.supervisor import up
place, port = Path(sys.argv[1]), int(sys.argv[2])
sys.exit(up(host="127.0.0.1", port=port, data_dir=place / "data", command=(sys.executable, str(place / "fake_app.py"))))
"""


@pytest.fixture
def place() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="pt-") as folder:
        shutil.copy(Path(__file__).with_name("fake_app.py"), folder)
        yield Path(folder)
        # A test that failed halfway leaves its runs, and they would outlive their folder.
        for run in Run.started:
            if run.process.poll() is None:
                run.end(signal.SIGTERM)
        Run.started.clear()


@pytest.fixture
def port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


class Run:
    started: ClassVar[list["Run"]] = []

    def __init__(self, place: Path, port: int, **environment: str) -> None:
        self.started.append(self)
        self.output = place / f"output-{time.monotonic_ns()}"
        inherited = {
            name: value
            for name, value in os.environ.items()
            if name
            not in {"DATABASE_URL", "REDIS_URL", "PUNTUAL_DATABASE_URL", "PUNTUAL_REDIS_URL", "PUNTUAL_SECRET_KEY"}
        }
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-c", UP, str(place), str(port)],
                cwd=ROOT,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=inherited | environment,
            )

    def said(self) -> str:
        return self.output.read_text()

    def wait_for(self, words: str) -> None:
        deadline = time.monotonic() + 30
        while words not in self.said():
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.05)

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(30)


def left_of(place: Path) -> list[str]:
    deadline = time.monotonic() + 10
    while True:
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                line = (process / "cmdline").read_bytes()
            except OSError:
                continue
            if os.fsencode(place) in line:
                found.append(line.replace(b"\0", b" ").decode())
        if not found or time.monotonic() > deadline:
            return found
        time.sleep(0.05)


NONE = {"DATABASE_URL": "postgresql://elsewhere/puntual", "REDIS_URL": "redis://elsewhere"}


def test_everything_starts_and_ctrl_c_stops_it(place: Path, port: int) -> None:
    run = Run(place, port)
    run.wait_for("Ctrl-C stops everything")
    said = run.said()
    assert f'curl -s -H "Authorization: Bearer key_123" http://127.0.0.1:{port}/v1/tenant' in said
    assert f"http://127.0.0.1:{port}/docs" in said
    given = json.loads((place / "serve.json").read_text())["environment"]
    assert given["DATABASE_URL"].startswith("postgresql+asyncpg://postgres@/puntual?host=")
    assert given["REDIS_URL"].startswith("unix://")
    assert len(given["PUNTUAL_SECRET_KEY"]) >= 32
    assert given == json.loads((place / "migrate.json").read_text())["environment"]
    assert (place / "data/secret_key").stat().st_mode & 0o777 == 0o600

    second = Run(place, port)
    assert second.process.wait(30) == 1
    assert "already running" in second.said()
    assert f"process {run.process.pid}, http://127.0.0.1:{port}" in second.said()
    assert run.process.poll() is None

    assert run.end(signal.SIGINT) == 0
    assert "Stopped." in run.said()
    assert left_of(place) == []


def test_a_killed_supervisor_takes_all_along_and_the_next_one_works(place: Path, port: int) -> None:
    run = Run(place, port)
    run.wait_for("Ctrl-C stops everything")
    secret = (place / "data/secret_key").read_text()
    run.end(signal.SIGKILL)
    again = Run(place, port, PUNTUAL_SECRET_KEY="")
    again.wait_for("Ctrl-C stops everything")
    assert json.loads((place / "serve.json").read_text())["environment"]["PUNTUAL_SECRET_KEY"] == secret
    assert again.end(signal.SIGTERM) == 0
    assert left_of(place) == []


def test_engines_named_in_the_environment_are_used(place: Path, port: int) -> None:
    run = Run(place, port, PUNTUAL_SECRET_KEY="given", **NONE)
    run.wait_for("Ctrl-C stops everything")
    given = json.loads((place / "serve.json").read_text())["environment"]
    assert given == NONE | {"PUNTUAL_SECRET_KEY": "given"}
    assert not (place / "data/postgres").exists()
    assert not (place / "data/secret_key").exists()
    assert run.end(signal.SIGTERM) == 0
    assert left_of(place) == []


@pytest.mark.parametrize("part", ["migrate", "tenants", "serve", "worker"])
def test_a_part_that_fails_stops_the_rest_and_is_quoted(place: Path, port: int, part: str) -> None:
    (place / "behave").write_text(f"{part} fails")
    run = Run(place, port, **NONE)
    assert run.process.wait(30) == 1
    assert "exit code 3" in run.said()
    assert "the last words" in run.said()
    assert left_of(place) == []


def test_a_part_that_dies_later_stops_the_rest(place: Path, port: int) -> None:
    run = Run(place, port, **NONE)
    run.wait_for("Ctrl-C stops everything")
    worker = next(int(path.parent.name) for path in Path("/proc").glob("[0-9]*/cmdline") if _is_worker(path, place))
    os.kill(worker, signal.SIGKILL)
    assert run.process.wait(30) == 1
    assert "The worker has ended unexpectedly (signal 9)" in run.said()
    assert left_of(place) == []


def test_a_port_in_use_is_named(place: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = int(other.getsockname()[1])
        run = Run(place, port, **NONE)
        assert run.process.wait(30) == 1
    assert f"make run PORT={port + 1}" in run.said()
    assert not (place / "migrate.json").exists()


def _is_worker(cmdline: Path, place: Path) -> bool:
    try:
        words = cmdline.read_bytes().split(b"\0")
    except OSError:
        return False
    return os.fsencode(place / "fake_app.py") in words and b"worker" in words
