"""Clients generated from the committed document compile, and talk to the real thing."""

import asyncio
import importlib
import os
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.conftest import ROOT, Api
from tests.contract.served import Served

DOCUMENT = ROOT / "openapi" / "openapi.json"
TYPESCRIPT = Path(__file__).parent / "typescript"
PACKAGE = "generated_puntual_client"
_NO_NETWORK = ("ENOTFOUND", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "EAI_AGAIN")

pytestmark = pytest.mark.slow


async def run(folder: Path, *command: str) -> str:
    """Run a command; what it printed, or a failure with it."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "NO_COLOR": "1"},
    )
    printed = (await process.communicate())[0].decode()
    assert process.returncode == 0, f"{' '.join(command)}\n{printed}"
    return printed


@pytest.fixture
async def python_client(tmp_path: Path) -> AsyncIterator[ModuleType]:
    """The package that openapi-python-client makes of the document."""
    config = tmp_path / "config.yaml"
    # Its own formatting of the code would cost more than the rest of the test.
    # Files and letters are bytes to a client, whatever they are called.
    files = ("text/csv", "application/x-ndjson", "application/pdf", "application/zip")
    binary = "".join(f"  {name}: application/octet-stream\n" for name in files)
    config.write_text(
        f"package_name_override: {PACKAGE}\nproject_name_override: generated\npost_hooks: []\n"
        f"content_type_overrides:\n{binary}"
    )
    printed = await run(
        tmp_path, sys.executable, "-m", "openapi_python_client", "generate", "--path", str(DOCUMENT), "--config",
        str(config), "--meta", "none", "--output-path", str(tmp_path / PACKAGE),
    )  # fmt: skip
    assert "warning" not in printed.lower(), printed
    sys.path.insert(0, str(tmp_path))
    try:
        yield importlib.import_module(PACKAGE)
    finally:
        sys.path.remove(str(tmp_path))
        for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
            del sys.modules[name]


async def test_a_python_client_works(python_client: ModuleType, served: Served, api: Api) -> None:
    def part(name: str) -> ModuleType:
        return importlib.import_module(f"{PACKAGE}.{name}")

    models = part("models")
    await api.customer(external_id="C-PY")
    client = python_client.AuthenticatedClient(base_url=served.url, token=api.key)
    body = {
        "customer_external_id": "C-PY",
        "number": "F-PY",
        "currency": "MXN",
        "total": "1160.00",
        "issued_on": "2026-02-01",
        "due_on": "2026-03-03",
    }
    create, get = part("api.invoices.create_invoice"), part("api.invoices.get_invoice")
    async with client:
        created = await create.asyncio(
            client=client, body=models.InvoiceCreate.from_dict(body), idempotency_key="one-of-the-python-client"
        )
        assert isinstance(created, models.InvoiceOutput)
        read = await get.asyncio(created.id, client=client)
        assert isinstance(read, models.InvoiceOutput)
        assert (read.open_amount, read.number) == ("1160.00", "F-PY")

        changed = await part("api.invoices.update_invoice").asyncio(
            created.id, client=client, body=models.InvoiceUpdate(reference="OC-1")
        )
        # Nothing else was sent, and so nothing else was touched.
        assert isinstance(changed, models.InvoiceOutput)
        assert (changed.reference, changed.total) == ("OC-1", "1160.00")

        problem = await create.asyncio(client=client, body=models.InvoiceCreate.from_dict({**body, "total": "1.234"}))
        assert isinstance(problem, models.Problem)
        assert problem.code == "validation_failed"
        assert [fault.pointer for fault in problem.errors] == ["/total"]


async def npm(folder: Path, *arguments: str) -> None:
    try:
        await run(folder, "npm", *arguments)
    except AssertionError as error:
        if any(sign in str(error) for sign in _NO_NETWORK):
            pytest.skip("npm cannot reach its registry")
        raise


@pytest.mark.skipif(shutil.which("npm") is None, reason="needs Node.js with npm")
async def test_a_typescript_client_works(served: Served, api: Api, tmp_path: Path) -> None:
    for name in ("package.json", "package-lock.json", "main.ts"):
        shutil.copy(TYPESCRIPT / name, tmp_path)
    await npm(tmp_path, "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline")
    tools = tmp_path / "node_modules" / ".bin"
    # A field with a default may be left out of a request.
    options = ("--output", "api.ts", "--default-non-nullable", "false")
    await run(tmp_path, str(tools / "openapi-typescript"), str(DOCUMENT), *options)
    await run(
        tmp_path, str(tools / "tsc"), "--strict", "--target", "es2022", "--module", "nodenext", "--lib", "es2022,dom",
        "--skipLibCheck", "main.ts",
    )  # fmt: skip
    invoice_id = (await run(tmp_path, "node", "main.js", served.url, api.key)).strip()
    assert (await api.get(f"/invoices/{invoice_id}"))["number"] == "F-TS"


def test_the_lock_names_no_registry() -> None:
    assert '"resolved"' not in (TYPESCRIPT / "package-lock.json").read_text(encoding="utf-8")
