"""When uplinks were received, by their ids: what a look into the hypertable ``uplink`` needs beside an id."""

from collections.abc import Iterable
from datetime import datetime

from psycopg import Connection
from psycopg.rows import TupleRow

from services.core.storage.arrays import Int8s, Times
from services.core.storage.queries import load
from services.core.uplink_id import block_of


def next_block(connection: Connection[TupleRow]) -> int:
    """The first id of a block for ``UplinkIds`` that nobody else ever has. Raises psycopg.Error."""
    [first] = connection.execute(load("uplink_blocks")["next_block"]).fetchall()
    return int(first[0])


def note_blocks(connection: Connection[TupleRow], frames: Iterable[tuple[int, datetime]]) -> None:
    """Write down when frames, as (id, ``received_at``), were received: in the transaction that stores them, and before
    their readings. It asks nothing, so it may go through a pipeline. Raises psycopg.Error.
    """
    bounds: dict[int, tuple[datetime, datetime]] = {}
    for number, received_at in frames:
        block = block_of(number)
        first, last = bounds.get(block, (received_at, received_at))
        bounds[block] = min(first, received_at), max(last, received_at)
    if bounds:
        ordered = sorted(bounds.items())
        connection.execute(
            load("uplink_blocks")["note_blocks"],
            {
                "first_id": Int8s([block for block, _ in ordered]),
                "from_at": Times([first for _, (first, _) in ordered]),
                "to_at": Times([last for _, (_, last) in ordered]),
            },
        )


def received_between(
    connection: Connection[TupleRow], uplinks: Iterable[int]
) -> list[tuple[int, tuple[datetime, datetime]]]:
    """Ids in order, each with when its uplink was received: not before the first time, nor after the last.

    Those of no block that is known are left out: no such uplink was ever stored. Raises psycopg.Error.
    """
    ids = sorted(uplinks)
    blocks = sorted({block_of(number) for number in ids})
    if not blocks:
        return []
    rows = connection.execute(load("uplink_blocks")["blocks"], {"first_id": Int8s(blocks)}, binary=True)
    bounds = {block: (first, last) for block, first, last in rows}
    return [(number, bounds[block_of(number)]) for number in ids if block_of(number) in bounds]


def sought(connection: Connection[TupleRow], uplinks: Iterable[int]) -> dict[str, object] | None:
    """Parameters of a query that looks into ``uplink`` by ids: ``id``, ``from_at`` and ``to_at`` of each, ``first`` and
    ``last`` of all. None: none of them was ever stored. Raises psycopg.Error.
    """
    known = received_between(connection, uplinks)
    if not known:
        return None
    from_at = [first for _, (first, _) in known]
    to_at = [last for _, (_, last) in known]
    return {
        "id": [number for number, _ in known],
        "from_at": from_at,
        "to_at": to_at,
        "first": min(from_at),
        "last": max(to_at),
    }
