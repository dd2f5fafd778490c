"""ChirpStack's events as it writes them (``data/events``), and messages made of them."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.ingest.source import Message

EVENTS = Path(__file__).parent / "data" / "events"
RECEIVED_AT = datetime(2026, 9, 21, 14, 13, 22, tzinfo=UTC)


@dataclass(frozen=True)
class Case:
    """One line of ``index.json``: the same event in every encoding it exists in."""

    name: str
    event: str
    topic: str
    files: tuple[str, ...]
    expect: str

    def body(self, file: str) -> bytes:
        return (EVENTS / file).read_bytes()

    def message(self, file: str) -> Message:
        return Message(self.topic, self.body(file), 1, False, RECEIVED_AT, 0, 0)


def load_cases() -> list[Case]:
    index = json.loads((EVENTS / "index.json").read_text())
    return [Case(c["name"], c["event"], c["topic"], tuple(c["files"]), c["expect"]) for c in index]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """``case``: every case; ``event_file``: every case with each of its files."""
    if "event_file" in metafunc.fixturenames:
        pairs = [(case, file) for case in load_cases() for file in case.files]
        metafunc.parametrize("event_file", pairs, ids=[file for _, file in pairs])
    if "case" in metafunc.fixturenames:
        cases = load_cases()
        metafunc.parametrize("case", cases, ids=[case.name for case in cases])


@pytest.fixture(scope="session")
def cases() -> dict[str, Case]:
    return {case.name: case for case in load_cases()}
