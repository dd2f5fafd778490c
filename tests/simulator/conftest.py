"""A scenario small enough to look at every message."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def hamlet() -> Path:
    """One device of each model, and one that nobody declared, around two gateways; every fault on."""
    return Path(__file__).parent / "data" / "hamlet.yaml"
