"""Models and migrations say the same, and migrations can run beside a working service."""

import io
import subprocess
import sys
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from app.core.settings import Settings
from tests.conftest import ROOT
from tests.contract.catalogue import engine_of

# What the linter would have, and why we do without.
EXCLUDED_RULES = {
    "prefer-text-field": "Alembic's own table of revisions has a varchar that is never widened",
    "prefer-bigint-over-int": "counts of steps, cycles, attempts and days; money and versions are bigint",
}


def _config(output: io.StringIO | None = None) -> Config:
    config = Config(output_buffer=output) if output is not None else Config()
    config.set_main_option("script_location", str(ROOT / "migrations"))
    config.set_main_option("path_separator", "os")
    return config


async def test_models_and_migrations_are_the_same(settings: Settings) -> None:
    config = _config()

    def check(connection: Connection) -> None:
        config.attributes["connection"] = connection
        command.check(config)

    async with engine_of(settings, admin=True) as admin, admin.connect() as connection:
        await connection.run_sync(check)


def test_there_is_one_head() -> None:
    assert len(ScriptDirectory.from_config(_config()).get_heads()) == 1


REVISIONS = [script.revision for script in reversed(list(ScriptDirectory.from_config(_config()).walk_revisions()))]


@pytest.mark.parametrize("revision", REVISIONS)
def test_migrations_pass_the_linter(tmp_path: Path, revision: str) -> None:
    output = io.StringIO()
    before = ScriptDirectory.from_config(_config()).get_revision(revision).down_revision or "base"
    command.upgrade(_config(output), f"{before}:{revision}", sql=True)
    script = tmp_path / "upgrade.sql"
    script.write_text(output.getvalue(), encoding="utf-8")
    assert len(output.getvalue()) > 200
    squawk = Path(sys.executable).parent / "squawk"
    ended = subprocess.run(
        [squawk, f"--exclude={','.join(EXCLUDED_RULES)}", "--pg-version=18.0", script],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
