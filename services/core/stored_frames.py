"""Stored frames read back to be decoded later: the road that adoption and re-decoding share."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from services.core.decoder_book import TimedFrame
from services.core.domain import Flag
from services.core.storage.queries import load
from services.core.storage.uplink_blocks import sought


@dataclass(frozen=True, slots=True)
class StoredFrame:
    """A frame with what ranks it among others."""

    id: int
    f_cnt: int
    deduplication_id: UUID
    timed: TimedFrame


def frames_by_id(connection: Connection[TupleRow], uplinks: Iterable[int]) -> list[StoredFrame]:
    """Those of the frames that are there, in order of id. Raises psycopg.Error."""
    parameters = sought(connection, uplinks)
    if parameters is None:
        return []
    return _frames(connection.execute(load("decode_runs")["frames"], parameters, binary=True).fetchall())


def frames_of_devices(
    connection: Connection[TupleRow], dev_euis: Sequence[str], from_at: datetime, to_at: datetime
) -> list[StoredFrame]:
    """What the devices sent, received in [from_at, to_at), in order of device and time. As ``frames_by_id``."""
    parameters = {"dev_euis": list(dev_euis), "from_at": from_at, "to_at": to_at}
    return _frames(connection.execute(load("decode_runs")["frames_of_devices"], parameters, binary=True).fetchall())


def page_of_device(
    connection: Connection[TupleRow],
    dev_eui: str,
    from_at: datetime,
    to_at: datetime,
    after: tuple[datetime, int],
    limit: int,
) -> list[StoredFrame]:
    """The next frames of one device after (received_at, id), at most ``limit``. As ``frames_by_id``."""
    parameters = {
        "dev_eui": dev_eui,
        "from_at": from_at,
        "to_at": to_at,
        "after_at": after[0],
        "after_id": after[1],
        "frames": limit,
    }
    return _frames(connection.execute(load("decode_runs")["page_of_device"], parameters, binary=True).fetchall())


def _frames(rows: Iterable[TupleRow]) -> list[StoredFrame]:
    return [
        StoredFrame(
            number, f_cnt, deduplication_id, TimedFrame(eui, port, payload, received, measured, Flag(flags), told)
        )
        for number, eui, port, payload, received, measured, flags, f_cnt, deduplication_id, told in rows
    ]
