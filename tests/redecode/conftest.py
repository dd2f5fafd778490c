"""A small territory on each grade."""

from collections.abc import Iterator

import pytest

from tests.redecode.land import Land, make_land


@pytest.fixture
def land(database: str) -> Iterator[Land]:
    found = make_land(database)
    with found.connection:
        yield found


@pytest.fixture
def embedded_land(embedded_database: str) -> Iterator[Land]:
    """On the embedded PostgreSQL only, for what no grade can change."""
    found = make_land(embedded_database)
    with found.connection:
        yield found
