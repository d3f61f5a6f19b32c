"""What stories share."""

from collections.abc import Iterator

import pytest

from tests.conftest import make_settings
from tests.scenarios.chases import ChaseOffice
from tests.scenarios.offices import Office


@pytest.fixture(scope="session")
def office(own_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    made = Office(make_settings(own_database, tmp_path_factory.mktemp("office")))
    yield made
    made.close()


@pytest.fixture(scope="session")
def chase_office(own_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChaseOffice]:
    """An office whose provider remembers what it was handed."""
    made = ChaseOffice(make_settings(own_database, tmp_path_factory.mktemp("chases")))
    yield made
    made.close()
