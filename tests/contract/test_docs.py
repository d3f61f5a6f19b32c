"""The reference page comes whole from us: whatever it is made of is served here, and nothing is asked of others."""

import json
import re
import shutil

import httpx
import pytest

from tests.contract.browser import visit
from tests.contract.served import Served

LOCAL = re.compile(r'(?:src|href)="(/[^"]+)"')
EXTERNAL = re.compile(r'(?:src|href)="(?:https?:)?//')


async def test_every_part_of_the_page_is_ours(client: httpx.AsyncClient) -> None:
    page = await client.get("/docs")
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert not EXTERNAL.search(page.text)
    parts = LOCAL.findall(page.text)
    assert any(part.endswith(".js") for part in parts)
    for part in parts:
        answer = await client.get(part)
        assert answer.status_code == 200, part
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert (await client.get("/openapi.json")).status_code == 200


async def test_the_browser_may_load_from_us_alone(client: httpx.AsyncClient) -> None:
    policy = (await client.get("/docs")).headers["content-security-policy"]
    rules = {rule.split()[0]: rule.split()[1:] for rule in policy.split(";")}
    assert rules["default-src"] == ["'none'"]
    for name, sources in rules.items():
        assert not [source for source in sources if "." in source or source in {"*", "https:"}], name
    assert rules["script-src"] == ["'self'"]
    assert rules["connect-src"] == ["'self'"]


async def test_what_has_not_changed_is_not_sent_again(client: httpx.AsyncClient) -> None:
    page = await client.get("/docs/page.js")
    again = await client.get("/docs/page.js", headers={"If-None-Match": page.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("path", ["/docs/nothing.js", "/docs/..%2fpage.py", "/docs/LICENSE.scalar.txt", "/redoc"])
async def test_nothing_else_is_served(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 404


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs Chromium (Debian: apt install chromium)")
async def test_a_browser_shows_it(served: Served) -> None:
    visited = await visit(f"{served.url}/docs#tag/invoices/POST/v1/invoices", until="Create an invoice")
    assert visited.failures == []
    hosts = {httpx.URL(url).host for url in visited.requests if url.startswith("http")}
    assert hosts == {"127.0.0.1"}
    assert visited.title == "Puntual API"
    for heading in ("A first invoice", "Receivables", "Collections", "Integration", "Test clock", "Idempotency-Key"):
        assert heading in visited.text, json.dumps(visited.text[:2000])
