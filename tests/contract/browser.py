"""Visits a page with headless Chromium and tells what it asked for, over the DevTools protocol."""

import asyncio
import itertools
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--remote-debugging-port=0",
)  # fmt: skip
_SECONDS = 60


@dataclass(slots=True)
class Visit:
    """What a page asked for and showed."""

    requests: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    title: str = ""
    text: str = ""

    def note(self, method: str, told: dict[str, Any]) -> None:
        """Take down one event of the browser."""
        match method:
            case "Network.requestWillBeSent":
                self.requests.append(told["request"]["url"])
            case "Network.loadingFailed":
                self.failures.append(f"not loaded: {told.get('errorText')} {told.get('blockedReason', '')}")
            case "Network.responseReceived" if told["response"]["status"] >= 400:
                self.failures.append(f"{told['response']['status']} {told['response']['url']}")
            case "Runtime.exceptionThrown":
                self.failures.append(str(told["exceptionDetails"].get("exception", told))[:500])
            case "Log.entryAdded" if told["entry"]["level"] == "error":
                self.failures.append(told["entry"]["text"])


async def visit(url: str, *, until: str) -> Visit:
    """Open a page and wait until it shows a text."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = await asyncio.create_subprocess_exec(
            "chromium",
            *_FLAGS,
            f"--user-data-dir={profile}",
            "about:blank",
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            async with asyncio.timeout(_SECONDS):
                return await _visit(await _port(Path(profile)), url, until)
        finally:
            if browser.returncode is None:
                browser.terminate()
            await browser.wait()


async def _port(profile: Path) -> int:
    written = profile / "DevToolsActivePort"
    while not (written.exists() and written.read_text()):  # noqa: ASYNC110  another process writes it
        await asyncio.sleep(0.1)
    return int(written.read_text().split()[0])


async def _visit(port: int, url: str, until: str) -> Visit:
    seen = Visit()
    async with aiohttp.ClientSession() as session:
        async with session.get(f"http://127.0.0.1:{port}/json") as answer:
            page = next(target for target in await answer.json() if target["type"] == "page")
        async with session.ws_connect(page["webSocketDebuggerUrl"], max_msg_size=0) as socket:
            await _drive(socket, seen, url, until)
    return seen


async def _drive(socket: aiohttp.ClientWebSocketResponse, seen: Visit, url: str, until: str) -> None:
    numbers = itertools.count(1)

    async def call(method: str, **parameters: Any) -> Any:
        number = next(numbers)
        await socket.send_json({"id": number, "method": method, "params": parameters})
        while True:
            message = await socket.receive_json()
            if message.get("id") == number:
                return message.get("result")
            if "method" in message:
                seen.note(message["method"], message["params"])

    async def value(expression: str) -> str:
        return str((await call("Runtime.evaluate", expression=expression))["result"].get("value", ""))

    for part in ("Network", "Runtime", "Log", "Page"):
        await call(f"{part}.enable")
    await call("Page.navigate", url=url)
    while until not in seen.text:
        await asyncio.sleep(0.3)
        seen.text = await value("document.body ? document.body.textContent : ''")
    seen.title = await value("document.title")
