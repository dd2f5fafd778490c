"""The small world, for whoever damages it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.verify.small_world import World, small_world


@pytest.fixture
def world(database: str, tmp_path: Path) -> Iterator[World]:
    """On each grade."""
    with small_world(database, tmp_path) as world:
        yield world
