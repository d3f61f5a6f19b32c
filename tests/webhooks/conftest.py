"""Fixtures of the webhook tests."""

from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI

from tests.conftest import Api
from tests.webhooks.erp import Receiver, Worker, receiver


@pytest.fixture
async def erp() -> AsyncIterator[Receiver]:
    """A receiver that answers 200."""
    async with receiver() as made:
        yield made


@pytest.fixture
def worker(app: FastAPI, api: Api) -> Worker:
    """The background work of the test's tenant."""
    return Worker.of(app, api)
