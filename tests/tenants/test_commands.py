"""The operator's commands on tenants, as they are typed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, SECRET_KEY


def run(data_dir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if key in {"PATH", "HOME", "LANG"}}
    return subprocess.run(
        [sys.executable, "-m", "app", "tenants", *arguments],
        cwd=ROOT,
        env={**kept, "PUNTUAL_DATA_DIR": str(data_dir), "PUNTUAL_SECRET_KEY": SECRET_KEY},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.slow
def test_a_tenant_is_made_in_the_data_folder_when_no_database_is_named(tmp_path: Path) -> None:
    made = run(tmp_path / "data", "create", "--test", "--clock", "2012-01-01T00:00:00Z", "--name", "Ñandú")
    assert made.returncode == 0, made.stderr
    told = json.loads(made.stdout)
    assert set(told) == {"tenant_id", "api_key"}
    assert told["api_key"].startswith("pun_test_")
    paused = run(tmp_path / "data", "pause-all")
    assert paused.stdout.startswith("1 tenants are paused"), paused.stderr
    assert run(tmp_path / "data", "pause-all").stdout.startswith("0 tenants are paused")


def test_a_clock_belongs_to_a_test_tenant(tmp_path: Path) -> None:
    refused = run(tmp_path / "data", "create", "--clock", "2012-01-01T00:00:00Z")
    assert refused.returncode == 2
    assert "--test" in refused.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--time-zone", "America/Tenochtitlan"),
        ("--locale", "castellano"),
        ("--currency", "XXZ"),
        ("--sender-address", "cobranza"),
    ],
)
def test_a_tenant_that_could_not_be_used_is_not_made(tmp_path: Path, option: str, value: str) -> None:
    refused = run(tmp_path / "data", "create", option, value)
    assert refused.returncode == 2
    assert option in refused.stderr
    assert not (tmp_path / "data").exists()
