"""Fixtures of the contract's tests."""

from collections.abc import Iterator

import pytest

from app.core.settings import Settings
from tests.contract.served import Served, serve


@pytest.fixture(scope="session")
def served(settings: Settings) -> Iterator[Served]:
    """The application behind a port of its own."""
    with serve(settings) as where:
        yield where
