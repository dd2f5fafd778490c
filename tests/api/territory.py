"""A small territory in the database, written row by row, and what its numbers are by an arithmetic of our own.

Nothing here uses the queries or the calendar of the service.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import count, groupby, pairwise
from zoneinfo import ZoneInfo

import psycopg

PARIS = ZoneInfo("Europe/Paris")
GOOD = 0
OUT_OF_RANGE = 1
LATE = 8
NOT_GOOD = 1 | 2 | 32


@dataclass(frozen=True)
class Sample:
    """One stored reading."""

    at: datetime
    value: float
    flags: int = GOOD

    @property
    def good(self) -> bool:
        return self.flags & NOT_GOOD == 0


class Territory:
    """Writes rows as the owner of the database; every method returns the new id."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(url, autocommit=True)
        self._uplinks = count(1024)

    def close(self) -> None:
        self._connection.close()

    def one(self, statement: str, *values: object) -> int:
        row = self._connection.execute(statement, values).fetchone()
        assert row is not None
        return row[0]

    def run(self, statement: str, *values: object) -> None:
        self._connection.execute(statement, values)

    def organisation(self, name: str, parent: int | None = None, kind: str = "commune") -> int:
        return self.one(
            "INSERT INTO organisation (parent_id, kind, name, created_at) VALUES (%s, %s, %s, now()) RETURNING id",
            parent, kind, name,
        )  # fmt: skip

    def commune(self, code: str, name: str) -> str:
        self.run("INSERT INTO commune (code, name) VALUES (%s, %s)", code, name)
        return code

    def site(
        self,
        organisation: int,
        name: str,
        commune: str | None = None,
        position: tuple[float, float] | None = None,
        address: str = "1 rue Haute",
    ) -> int:
        longitude, latitude = position or (None, None)
        return self.one(
            "INSERT INTO site (organisation_id, name, commune_code, longitude, latitude, address) "
            "VALUES (%s, %s, %s, %s, %s, %s) RETURNING id",
            organisation, name, commune, longitude, latitude, address,
        )  # fmt: skip

    def point(
        self,
        organisation: int,
        site: int,
        name: str,
        *,
        theme: str = "air",
        published: bool = False,
        privacy: str = "none",
        purpose: str = "",
    ) -> int:
        return self.one(
            "INSERT INTO point (organisation_id, site_id, theme, name, purpose, privacy, published, created_at) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s, now()) RETURNING id",
            organisation, site, theme, name, purpose, privacy, published,
        )  # fmt: skip

    def quantity(self, code: str, unit: str, label: str, kind: str = "gauge") -> None:
        self.run(
            "INSERT INTO quantity VALUES (%s, %s, %s, %s, -1e9, 1e9, %s, %s)",
            code, unit, unit.strip("[]"), kind, f"{label} (fr)", f"{label} (en)",
        )  # fmt: skip

    def series(self, point: int, quantity: str, channel: str = "", mount: str = "") -> int:
        return self.one(
            "INSERT INTO series (point_id, quantity, channel, mount) VALUES (%s, %s, %s, %s) RETURNING id",
            point, quantity, channel, mount,
        )  # fmt: skip

    def device(self, dev_eui: str, organisation: int) -> None:
        self.run(
            "INSERT INTO device_model (id, name, expected_interval) VALUES ('vendor/model', 'Model', '10 min') "
            "ON CONFLICT DO NOTHING"
        )
        self.run(
            "INSERT INTO device (dev_eui, organisation_id, model_id, name, declared_at) "
            "VALUES (%s, %s, 'vendor/model', 'sonde', '2026-01-01Z')",
            dev_eui, organisation,
        )  # fmt: skip

    def installation(self, dev_eui: str, point: int, since: datetime, until: datetime | None = None) -> int:
        return self.one(
            "INSERT INTO installation (dev_eui, point_id, period) VALUES (%s, %s, tstzrange(%s, %s)) RETURNING id",
            dev_eui, point, since, until,
        )  # fmt: skip

    def calibration(self, installation: int, quantity: str, scale: float, offset: float) -> None:
        self.run(
            'INSERT INTO calibration (installation_id, quantity, scale, "offset") VALUES (%s, %s, %s, %s)',
            installation, quantity, scale, offset,
        )  # fmt: skip

    def uplink(self, dev_eui: str, at: datetime, number: int) -> int:
        """A frame heard by gateway 00000000000000ff; returns its id, as the store makes them."""
        uplink = next(self._uplinks)
        self.run(
            "INSERT INTO uplink (received_at, id, measured_at, f_cnt, deduplication_id, outcome, f_port, dr, rssi, "
            "snr, gateway_count, confirmed, dev_eui, dev_addr, payload, object) "
            "VALUES (%s, %s, %s, %s, gen_random_uuid(), 'decoded', 85, 5, -97, 6.5, 1, false, %s, '01abcdef', %s, %s)",
            at, uplink, at, number, dev_eui, bytes([3, 103, number % 256]), '{"temperature": 21.5}',
        )  # fmt: skip
        self.run("INSERT INTO gateway (eui, last_seen_at) VALUES ('00000000000000ff', %s) ON CONFLICT DO NOTHING", at)
        self.run(
            "INSERT INTO reception SELECT %s, %s, id, 6.5, -97, 2 FROM gateway WHERE eui = '00000000000000ff'",
            at, uplink,
        )  # fmt: skip
        self.run(
            "INSERT INTO device_state (dev_eui, last_received_at, last_measured_at, last_uplink, f_cnt, dev_addr, "
            "rssi, snr, gateway_count, uplinks) VALUES (%s, %s, %s, %s, %s, '01abcdef', -97, 6.5, 1, 1) "
            "ON CONFLICT (dev_eui) DO UPDATE SET last_received_at = excluded.last_received_at, "
            "f_cnt = excluded.f_cnt, uplinks = device_state.uplinks + 1",
            dev_eui, at, at, uplink, number,
        )  # fmt: skip
        return uplink

    def readings(self, series: int, samples: Sequence[Sample], *, rollups: bool = True) -> None:
        """Samples in order of time, their last good value, and their rollups unless the worker is to be behind."""
        with self._connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO reading (measured_at, value, uplink, series, flags) VALUES (%s, %s, 1, %s, %s)",
                [(sample.at, sample.value, series, sample.flags) for sample in samples],
            )
        good = [sample for sample in samples if sample.good]
        if good:
            last = good[-1]
            self.run(
                "INSERT INTO latest VALUES (%s, %s, %s, 1, %s, %s, %s, %s)",
                series, last.at, last.value, last.flags, last.at, last.value, last.at,
            )  # fmt: skip
        if rollups:
            self._rollup("reading_hour", series, samples, lambda at: at.replace(minute=0, second=0, microsecond=0))
            self._rollup("reading_day", series, samples, lambda at: midnight(at.astimezone(PARIS).date()))

    def _rollup(self, table: str, series: int, samples: Sequence[Sample], bucket_of) -> None:
        rows = []
        for bucket, group in groupby(samples, key=lambda sample: bucket_of(sample.at)):
            everything = list(group)
            good = [sample for sample in everything if sample.good]
            values = [sample.value for sample in good]
            known = (
                sum(values), min(values), max(values), values[0], good[0].at, values[-1], good[-1].at,
                counted(values),
            ) if good else (None,) * 8  # fmt: skip
            rows.append((series, bucket, len(everything), len(good), *known))
        with self._connection.cursor() as cursor:
            cursor.executemany(f"INSERT INTO {table} VALUES ({', '.join(['%s'] * 12)})", rows)


def midnight(day: date) -> datetime:
    """When that day began in Paris."""
    return datetime(day.year, day.month, day.day, tzinfo=PARIS).astimezone(UTC)


def counted(values: Sequence[float]) -> float:
    """What a counter counted while it showed these values: a fall to less than half is a restart from zero."""
    total = 0.0
    for before, now in pairwise(values):
        total += now if before > 0 and now < before / 2 else now - before
    return total


def every(step: timedelta, start: datetime, end: datetime) -> list[datetime]:
    """start, start + step, ... before end."""
    count = -((start - end) // step)
    return [start + n * step for n in range(count)]
