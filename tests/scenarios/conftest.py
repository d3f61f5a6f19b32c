"""What stories share."""

from collections.abc import Iterator

import pytest

from tests.conftest import make_settings
from tests.scenarios.offices import Office


@pytest.fixture(scope="session")
def office(own_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    made = Office(make_settings(own_database, tmp_path_factory.mktemp("office")))
    yield made
    made.close()
