"""What the two READMEs tell people to type and to look at is there, and the way to the first webhook works."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.main import get_command

from app.cli import cli
from app.core.settings import Settings
from tests.conftest import ROOT

READMES = [ROOT / "README.md", ROOT / "README.es.md"]
# What a run makes, and names of the reader's.
_NOT_FILES = {"demo.json"}

readmes = pytest.mark.parametrize("readme", READMES, ids=lambda path: path.name)


def in_code(text: str) -> str:
    """Everything between backticks."""
    return "\n".join(re.findall(r"```.*?```|`[^`\n]+`", text, re.DOTALL))


@readmes
def test_make_targets_exist(readme: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z]+)", in_code(readme.read_text())))
    assert {"run", "test", "demo", "check"} <= named
    assert named <= targets


@readmes
def test_files_and_headings_that_are_linked_exist(readme: Path) -> None:
    text = readme.read_text()
    links = re.findall(r"\]\((?!http)([^)#]*)(?:#([^)]+))?\)", text)
    assert len(links) > 20
    for path, heading in links:
        linked = ROOT / path if path else readme
        assert linked.exists(), path
        if heading:
            assert f"\n## {heading.replace('-', ' ').capitalize()}\n" in linked.read_text()


@readmes
def test_files_that_are_named_exist(readme: Path) -> None:
    named = set(re.findall(r"(?<![\w/.])(?:[\w-]+/)*[\w-]+\.(?:py|md|json|lock|toml)\b", in_code(readme.read_text())))
    assert "examples/erp_receiver.py" in named
    assert {
        name for name in named - _NOT_FILES if not any((ROOT / part / name).exists() for part in ("", "examples"))
    } == set()


@readmes
def test_commands_of_the_application_exist(readme: Path) -> None:
    commands = set(get_command(cli).commands)  # type: ignore[attr-defined]
    named = set(re.findall(r"python -m app ([a-z]+)", readme.read_text()))
    assert {"migrate", "serve", "worker", "tenants"} <= named
    assert named <= commands


@readmes
def test_paths_of_the_api_exist(readme: Path) -> None:
    known = {re.sub(r"{\w+}", "{}", path) for path in json.loads((ROOT / "openapi/openapi.json").read_text())["paths"]}
    named = set(re.findall(r"(?<![\w.])/(?:v1/[\w/{}-]*[\w}]|healthz|readyz|metrics)", readme.read_text()))
    assert len(named) > 5
    assert {re.sub(r"{\w+}", "{}", path) for path in named} <= known


@readmes
def test_every_setting_is_told_with_its_default(readme: Path) -> None:
    text = readme.read_text()
    table = text.partition("<!-- settings -->")[2].partition("<!-- /settings -->")[0]
    rows = [line.strip("|").split("|") for line in table.strip().splitlines()[2:]]
    told = {name: row[1].strip().strip("`") for row in rows for name in re.findall(r"`(\w+)`", row[0])}
    plain = {"database_url", "database_admin_url", "redis_url"}
    assert set(told) == {name.upper() if name in plain else f"PUNTUAL_{name.upper()}" for name in Settings.model_fields}
    for name, field in Settings.model_fields.items():
        default = told.get(f"PUNTUAL_{name.upper()}")
        if default and default.isdigit():
            assert int(default) == field.default, name
        elif default:
            assert default == (str(field.default).lower() if isinstance(field.default, bool) else str(field.default))


def test_both_languages_tell_the_same_commands() -> None:
    blocks = [re.findall(r"```sh\n(.*?)```", readme.read_text(), re.DOTALL) for readme in READMES]
    # But for comments, and the address of the repository.
    assert blocks[0][2:] == blocks[1][2:]
    assert len(blocks[0]) == len(blocks[1]) > 6


@pytest.fixture
def service(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    """What `make run` starts, in a place of its own."""
    port = free_port()
    data = tmp_path / "data"
    elsewhere = ("DATABASE_", "REDIS_", "PUNTUAL_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(elsewhere)}
    line = [sys.executable, "-m", "app", "up", "--port", str(port), "--data-dir", str(data)]
    with subprocess.Popen(line, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as program:
        try:
            assert program.stdout is not None
            while "Ctrl-C stops everything" not in (said := program.stdout.readline()):
                assert said, "it did not start"
            yield data, port
        finally:
            program.send_signal(signal.SIGINT)
            program.communicate(timeout=60)


@pytest.mark.slow
def test_the_way_from_clone_to_webhook_works(service: tuple[Path, int], tmp_path: Path) -> None:
    data, port = service
    receiver_port = free_port()
    text = (ROOT / "README.md").read_text().partition("## From clone to a signed webhook")[2].partition("\n## ")[0]
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    assert [block.split("=")[0].split("(")[0].split()[0] for block in blocks] == [
        "git", "KEY", "SECRET", "python3", "TODAY", "POLICY",
    ]  # fmt: skip
    heard = tmp_path / "heard"
    script = "\n".join(blocks[1:]).replace("8000", str(port)).replace("9000", str(receiver_port))
    script = script.replace(".data/", f"{data}/").replace(' --secret "$SECRET" &', f' --secret "$SECRET" >{heard} &')
    # The receiver is up within a second; whoever types is slower than a script.
    script = (
        script.replace("TODAY=", "sleep 1; TODAY=", 1) + "\nsleep 3; kill -INT %1 2>/dev/null || kill -INT $!; wait"
    )
    ended = subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    said = heard.read_text()
    lines = said.splitlines()
    # Webhooks are sent side by side: `sequence` is their order, not their arrival.
    assert any("customer.created" in line for line in lines), ended.stderr + ended.stdout
    assert any(line.endswith("invoice.created  F-1  1160.00 MXN  open") for line in lines)
    assert any("reminder.sent  pagos@example.com  1160.00 MXN  sent" in line for line in lines)
    assert " 0 refused, 0 duplicates" in said
    assert len(list((data / "mailbox").glob("*.eml"))) == 1


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
