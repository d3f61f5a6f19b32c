"""Files on their way in, and workers that work them off."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from app.core.settings import Settings
from app.core.uow import Database
from app.imports.running import Importer
from app.outbox.relay import relay
from tests.conftest import Api

Json = dict[str, Any]
MakeImporter = Callable[..., Importer]

INVOICE_HEADER = "external_id,number,customer_external_id,currency,total,issued_on,due_on"


def invoice_lines(count: int, *, first: int = 0, customer: str = "C-1") -> list[str]:
    """Rows of a file of invoices."""
    return [
        f"F-{number},F-{number},{customer},MXN,{100 + number}.00,2026-02-01,2026-04-01"
        for number in range(first, first + count)
    ]


def table(*lines: str) -> bytes:
    """Lines as a file."""
    return ("\r\n".join(lines) + "\r\n").encode()


async def send(
    api: Api, kind: str, content: Any, *, media_type: str = "text/csv", expect: int = 202, **options: Any
) -> Json:
    """Send a file."""
    headers = {"Content-Type": media_type, **options.pop("headers", {})}
    answer = await api.call(
        "POST", "/imports", content=content, headers=headers, params={"kind": kind, **options}, expect=expect
    )
    found: Json = answer.json()
    return found


@pytest.fixture
def make_importer(database: Database, settings: Settings) -> MakeImporter:
    """Makes workers with settings of their own."""

    def make(**changes: Any) -> Importer:
        return Importer(database, settings.model_copy(update=changes))

    return make


class Office:
    """A tenant who sends files, and a worker."""

    def __init__(self, api: Api, importer: Importer) -> None:
        self.api = api
        self.importer = importer

    async def run(self) -> None:
        """Work everything off."""
        while await self.importer.run(self.api.tenant_id):
            pass

    async def take(self, kind: str, content: Any, **options: Any) -> Json:
        """Send a file, work it off, and read what became of it."""
        sent = await send(self.api, kind, content, **options)
        await self.run()
        return await self.read(sent["id"])

    async def events(self) -> list[Json]:
        """All events so far."""
        while True:
            async with self.importer.database.unit_of_work(self.api.tenant_id) as uow:
                if not (await relay(uow, limit=1000))[0]:
                    return await self.api.all("/events")

    async def read(self, import_id: str | UUID) -> Json:
        """An import as it is now."""
        found: Json = await self.api.get(f"/imports/{import_id}")
        return found

    async def errors(self, found: Json) -> list[Json]:
        """Its rows that failed."""
        return await self.api.all(f"/imports/{found['id']}/errors")


@pytest.fixture
async def office(api: Api, make_importer: MakeImporter) -> Office:
    """A tenant with a worker."""
    return Office(api, make_importer())


def counts(found: Json) -> tuple[int, int, int, int]:
    """Created, updated, unchanged, failed."""
    return found["created"], found["updated"], found["unchanged"], found["failed"]
