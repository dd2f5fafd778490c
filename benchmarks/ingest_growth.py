"""History put beside what ingest is to store: as many readings, frames and keys as had been stored before."""

from __future__ import annotations

import psycopg
from ingest_load import VALUES

# Spread over six days before, in order of time, as they would have come. The frames' ids only have to be ids.
_READINGS = """
INSERT INTO reading (measured_at, value, uplink, series, flags)
SELECT now() - interval '6 days' * (1 - n / %(each)s::float8) - interval '1 hour', 20 + random(), n, id, 0
FROM generate_series(0, %(each)s::int - 1) n, series
"""
_FRAMES = """
INSERT INTO uplink (received_at, id, measured_at, f_cnt, deduplication_id, outcome, f_port, dr, gateway_count,
    confirmed, dev_eui, dev_addr, payload)
SELECT at, n * 1000000 + number, at, n, gen_random_uuid(), 'decoded', 85, 5, 1,
    false, dev_eui, '01020304', 'seventeen bytes..'
FROM generate_series(0, %(each)s::int - 1) n,
    LATERAL (SELECT now() - interval '6 days' * (1 - n / %(each)s::float8) - interval '1 hour') AS t (at),
    LATERAL (SELECT dev_eui, row_number() OVER () AS number FROM device) d
"""
_KEYS = "INSERT INTO seen SELECT gen_random_uuid(), now() - interval '1 hour' FROM generate_series(1, %(keys)s::int)"


def fill(url: str, readings: int) -> int:
    """For every series there is, as many readings as make ``readings`` together; returns how many there are then."""
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute("SELECT count(*) FROM series").fetchone()
        series = int(row[0]) if row else 0
        each = max(1, readings // max(1, series))
        connection.execute(_READINGS.encode(), {"each": each})
        connection.execute(_FRAMES.encode(), {"each": each})
        connection.execute(_KEYS.encode(), {"keys": readings // VALUES})
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")
        row = connection.execute("SELECT count(*) FROM reading").fetchone()
    return int(row[0]) if row else 0
