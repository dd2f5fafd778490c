"""Rollups against the same figures computed here from the readings one by one, over random histories.

Values are multiples of 1/8, so that sums are exact whatever their order.
"""

import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from services.core.storage import rollups
from services.core.storage.changes import Touch
from services.core.storage.connect import connect
from services.core.storage.grade import Grade, detect
from services.core.storage.rollups import HOUR, Period

PARIS = ZoneInfo("Europe/Paris")
NOT_GOOD = 1 | 2 | 32  # out of range, spike, device error
COLUMNS = "n, n_good, sum, min, max, first, first_at, last, last_at, increase"


@dataclass(frozen=True)
class Row:
    measured_at: datetime
    value: float
    flags: int


@pytest.fixture
def store(database: str) -> Iterator[Connection[TupleRow]]:
    with connect(database, role="terroir_service", autocommit=True) as connection:
        yield connection


def hour_of(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def paris_day_of(moment: datetime) -> datetime:
    return moment.astimezone(PARIS).replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)


def increase(values: Sequence[float]) -> float:
    total = 0.0
    for before, value in pairwise(values):
        reset = before > 0 and value < before / 2
        total += value if reset else value - before
    return total


def figures(rows: Sequence[Row]) -> tuple[object, ...]:
    good = sorted((row for row in rows if not row.flags & NOT_GOOD), key=lambda row: row.measured_at)
    if not good:
        return (len(rows), 0, *[None] * 8)
    values = [row.value for row in good]
    first, last = good[0], good[-1]
    ends = (first.value, first.measured_at, last.value, last.measured_at)
    return (len(rows), len(good), sum(values), min(values), max(values), *ends, increase(values))


def expected(
    stored: dict[tuple[int, datetime], Row], bucket_of: Callable[[datetime], datetime]
) -> dict[tuple[int, datetime], tuple[object, ...]]:
    buckets: defaultdict[tuple[int, datetime], list[Row]] = defaultdict(list)
    for (series, measured_at), row in stored.items():
        buckets[series, bucket_of(measured_at)].append(row)
    return {bucket: figures(rows) for bucket, rows in buckets.items()}


def found(store: Connection[TupleRow], table: str) -> dict[tuple[int, datetime], tuple[object, ...]]:
    rows = store.execute(f"SELECT series, bucket, {COLUMNS} FROM {table}".encode()).fetchall()
    return {(row[0], row[1]): row[2:] for row in rows}


def settle(store: Connection[TupleRow], touched: Sequence[Touch], hours: int = 20_000) -> None:
    """Bring the rollups up to date, where that does not happen by itself."""
    if rollups.kept_by_worker(store):
        with store.transaction():
            rollups.recompute(store, touched, hours=hours)


def insert(store: Connection[TupleRow], series: int, rows: Sequence[Row]) -> None:
    with store.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO reading (measured_at, value, uplink, series, flags) VALUES (%s, %s, 1, %s, %s)"
            " ON CONFLICT DO NOTHING",
            [(row.measured_at, row.value, series, row.flags) for row in rows],
        )


class History:
    """What some series did over a few days, handed out in pieces and in no order."""

    def __init__(self, seed: str, start: datetime, end: datetime) -> None:
        self.dice = random.Random(seed)
        self.start, self.end = start, end
        self.index = dict.fromkeys(range(1, 5), 1000.0)

    def moment(self) -> datetime:
        # Coarse on purpose: moments meet each other and the full hours.
        return self.start + timedelta(minutes=5 * self.dice.randrange((self.end - self.start) // timedelta(minutes=5)))

    def rows(self, series: int) -> list[Row]:
        return [
            Row(self.moment(), self.value(series), self.dice.choice([0, 0, 0, 8, 64, 1, 2, 32, 36]))
            for _ in range(self.dice.randint(1, 25))
        ]

    def value(self, series: int) -> float:
        if series % 2:
            return self.dice.randint(-800, 800) / 8
        self.index[series] += self.dice.randint(0, 80) / 8
        if self.dice.random() < 0.1:
            self.index[series] = self.dice.randint(0, 800) / 8
        return self.index[series]


@pytest.mark.parametrize(
    ("start", "days"),
    [(datetime(2026, 3, 28, 5, tzinfo=UTC), 3), (datetime(2026, 10, 24, 5, tzinfo=UTC), 3)],
    ids=["a day of 23 hours", "a day of 25 hours"],
)
@pytest.mark.parametrize("chunk", [5, 20_000])
def test_rollups_equal_a_count_by_hand(store: Connection[TupleRow], start: datetime, days: int, chunk: int) -> None:
    history = History(f"{start} {chunk}", start, start + timedelta(days=days))
    stored: dict[tuple[int, datetime], Row] = {}
    for _ in range(8):
        touched: list[Touch] = []
        for series in history.dice.sample(range(1, 5), 3):
            rows = history.rows(series)
            insert(store, series, rows)
            for row in rows:
                stored.setdefault((series, row.measured_at), row)
            times = [row.measured_at for row in rows]
            touched.append(Touch(series, min(times), max(times)))
        if history.dice.random() < 0.5:
            series = history.dice.randint(1, 4)
            of_series = sorted(key for key in stored if key[0] == series)
            gone = history.dice.sample(of_series, min(3, len(of_series)))
            for key in gone:
                del stored[key]
                store.execute("DELETE FROM reading WHERE series = %s AND measured_at = %s", key)
                touched.append(Touch(series, key[1], key[1]))
        settle(store, touched, chunk)
        assert found(store, "reading_hour") == expected(stored, hour_of)
        assert found(store, "reading_day") == expected(stored, paris_day_of)


def test_civil_days_have_23_24_and_25_hours(store: Connection[TupleRow]) -> None:
    for midnight, hours in (("2026-03-29", 23), ("2026-03-30", 24), ("2026-10-25", 25)):
        start = datetime.fromisoformat(midnight).replace(tzinfo=PARIS).astimezone(UTC)
        end = start + (hours + 1) * HOUR
        rows = [Row(start + n * HOUR, 1, 0) for n in range(-1, hours + 1)]
        insert(store, 1, rows)
        settle(store, [Touch(1, start - HOUR, end)])
        day = store.execute("SELECT n FROM reading_day WHERE bucket = %s", (start,)).fetchone()
        assert day == (hours,)


def test_a_bucket_that_became_empty_goes(store: Connection[TupleRow]) -> None:
    moment = datetime(2026, 6, 1, 12, 30, tzinfo=UTC)
    insert(store, 1, [Row(moment, 1, 0), Row(moment + HOUR, 2, 0)])
    settle(store, [Touch(1, moment, moment + HOUR)])
    store.execute("DELETE FROM reading WHERE measured_at = %s", (moment,))
    settle(store, [Touch(1, moment, moment)])
    assert list(found(store, "reading_hour")) == [(1, hour_of(moment + HOUR))]
    assert len(found(store, "reading_day")) == 1
    store.execute("DELETE FROM reading")
    settle(store, [Touch(1, moment, moment + HOUR)])
    assert found(store, "reading_hour") == found(store, "reading_day") == {}


def test_an_hour_that_did_not_change_is_not_written_again(embedded_database: str) -> None:
    moment = datetime(2026, 6, 1, 12, 30, tzinfo=UTC)
    written = "SELECT bucket, xmin FROM reading_hour ORDER BY bucket"
    with connect(embedded_database, role="terroir_service", autocommit=True) as store:
        insert(store, 1, [Row(moment, 1, 0), Row(moment + HOUR, 2, 0)])
        settle(store, [Touch(1, moment, moment + HOUR)])
        before = store.execute(written).fetchall()
        insert(store, 1, [Row(moment + HOUR + timedelta(minutes=1), 3, 0)])
        settle(store, [Touch(1, moment, moment + HOUR)])
        after = store.execute(written).fetchall()
    assert after[0] == before[0]
    assert after[1] != before[1]


def test_the_worker_keeps_them_except_on_the_community_edition(store: Connection[TupleRow]) -> None:
    assert rollups.kept_by_worker(store) == (detect(store).grade is not Grade.COMMUNITY)


def test_touches_become_whole_hours_without_overlap() -> None:
    def at(hour: int, minute: int = 0) -> datetime:
        return datetime(2026, 1, 1, hour, minute, tzinfo=UTC)

    touched = [
        Touch(2, at(9, 59), at(10)),
        Touch(1, at(5), at(5)),
        Touch(1, at(1, 30), at(3, 59)),
        Touch(1, at(2), at(2, 1)),
        Touch(1, at(4), at(4, 59)),
        Touch(1, at(7), at(7)),
    ]
    assert list(rollups.whole_hours(touched)) == [
        Period(1, at(1), at(6)),
        Period(1, at(7), at(8)),
        Period(2, at(9), at(11)),
    ]


def test_a_long_range_is_cut_into_bounded_statements() -> None:
    start = datetime(2016, 1, 1, tzinfo=UTC)
    periods = [Period(1, start, start + 87_672 * HOUR), Period(2, start, start + HOUR), Period(3, start, start + HOUR)]
    lists = list(rollups.chunks(periods, 1000))
    assert [sum(period.hours for period in chunk) for chunk in lists] == [1000] * 87 + [674]
    pieces = [period for chunk in lists for period in chunk]
    of_first = [period for period in pieces if period.series == 1]
    assert of_first[0].from_at == periods[0].from_at
    assert of_first[-1].to_at == periods[0].to_at
    assert all(a.to_at == b.from_at for a, b in pairwise(of_first))
    assert pieces[-2:] == periods[1:]
