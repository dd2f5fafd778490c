"""The second guard: frames the network server hands over again under a new deduplication id (``skip_fcnt_check``)."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec.structs import replace
from psycopg import Connection
from psycopg.rows import TupleRow

from services.core.idempotency import frame_key
from services.core.storage.arrays import Times, Uuids, uuids
from services.core.storage.queries import load
from services.core.storage.writer_types import FrameRow

FRAMES_KEPT = timedelta(hours=1)
"""How long a frame is remembered to know its repetitions."""


def marked_repeats(connection: Connection[TupleRow], frames: Sequence[FrameRow], window: timedelta) -> list[FrameRow]:
    """The frames, and which of them are copies of another under a new deduplication id, here or stored before."""
    of_each: dict[bytes, list[FrameRow]] = {}
    for frame in sorted(frames, key=lambda f: (f.uplink.measured_at, f.uplink.deduplication_id.int)):
        uplink = frame.uplink
        key = frame_key(uplink.dev_eui, uplink.dev_addr, uplink.f_cnt, uplink.f_port, uplink.payload)
        copies = of_each.setdefault(key, [])
        near = any(uplink.measured_at - other.uplink.measured_at <= window for other in copies if not other.repeat)
        copies.append(replace(frame, repeat=True) if near else frame)
    if not of_each:
        return []
    firsts = {key: of_each[key][0].uplink for key in sorted(of_each)}
    given = {
        "frames": Uuids(list(firsts)),
        "measured_at": Times([uplink.measured_at for uplink in firsts.values()]),
        "received_at": Times([uplink.received_at for uplink in firsts.values()]),
        "window": window,
    }
    new = set(uuids(connection, load("writer")["claim_frames"], given))
    marked: list[FrameRow] = []
    for key, copies in of_each.items():
        first, *others = copies
        marked += [first if key in new else replace(first, repeat=True), *others]
    return sorted(marked, key=lambda frame: frame.id)


def prune_frames(connection: Connection[TupleRow], now: datetime, rows: int = 10_000) -> int:
    """Forget some frames that need not be remembered any more; returns how many. Raises psycopg.Error."""
    return connection.execute(load("writer")["prune_frames"], {"before": now - FRAMES_KEPT, "rows": rows}).rowcount
