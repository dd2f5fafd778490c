"""Several processes store contested values at once, adoption among them: the outcome is that of one after the other."""

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest

from services.core.adoption import adopt_pending
from services.core.decoder_book import DecoderBook
from services.core.domain import Flag
from services.core.storage.connect import connect
from services.core.storage.errors import StoreUnavailable

NOW = datetime(2026, 9, 21, 14, 13, 22, tzinfo=UTC)
DEVICES = [f"24e124707c0003{n:02x}" for n in range(6)]
READINGS = (
    "SELECT s.point_id, r.measured_at, r.value, u.f_cnt, r.flags & %s FROM reading r"
    " JOIN series s ON s.id = r.series JOIN uplink u ON u.id = r.uplink"
)


def messages(territory, temperature) -> list:
    """Of every device twelve times, each claimed by five frames that say two different things."""
    return [
        territory.up(
            dev_eui,
            temperature(20 + (contestant % 2)),
            at=NOW - timedelta(minutes=at),
            f_cnt=100 * at + contestant,
            deduplication_id=UUID(int=10_000 * number + 100 * at + contestant),
        )
        for number, dev_eui in enumerate(DEVICES)
        for at in range(12)
        for contestant in range(5)
    ]


def outcome(territory) -> set[tuple[object, ...]]:
    return set(territory.connection.execute(READINGS, (int(Flag.CONFLICT),)).fetchall())


def work(territory, mine: list) -> None:
    pipeline, store = territory.pipeline()
    try:
        for start in range(0, len(mine), 40):
            assert pipeline.process(mine[start : start + 40], lambda: True)
    finally:
        store.close()


def adopt(territory) -> None:
    with connect(territory.url, role="terroir_service", autocommit=True) as connection:
        while True:
            try:
                if not adopt_pending(connection, lambda: NOW, territory.settings, 25, DecoderBook()):
                    return
            except (StoreUnavailable, psycopg.OperationalError):
                continue  # as the worker does: a deadlock is no fault of the data


@pytest.mark.parametrize("seed", range(3))
def test_writers_and_adoption_at_once_agree_with_the_rule(territory, am300_temperature, seed):
    every = messages(territory, am300_temperature)
    random.Random(seed).shuffle(every)
    known_late = every[:90]
    # A third is stored before anybody declares the devices, and is adopted while the rest comes in.
    territory.ingest(*known_late)
    for number, dev_eui in enumerate(DEVICES):
        territory.device(dev_eui, point=f"Salle {number + 10}")
    rest = every[90:]
    with ThreadPoolExecutor(4) as pool:
        tasks = [pool.submit(work, territory, order) for order in (rest, rest[::-1], rest[1::3])]
        tasks += [pool.submit(adopt, territory) for _ in range(2)]
        for done in tasks:
            done.result()
    adopt(territory)
    assert territory.value("SELECT count(*) FROM uplink_pending") == 0
    points = {row.dev_eui: row.point_id for row in territory.rows("SELECT dev_eui, point_id FROM installation")}
    # By hand: all are direct, so the lowest frame counter stands, which is the first contestant's; the others differ.
    assert outcome(territory) == {
        (points[dev_eui], NOW - timedelta(minutes=at), 20.0, 100 * at, int(Flag.CONFLICT))
        for dev_eui in DEVICES
        for at in range(12)
    }
    latest = territory.rows("SELECT DISTINCT measured_at, value FROM latest")
    assert [tuple(row) for row in latest] == [(NOW, 20.0)]
    assert territory.value("SELECT count(*) FROM latest") == len(DEVICES)
