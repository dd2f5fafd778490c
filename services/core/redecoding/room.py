"""Is there room on the database's disk for what a run writes?"""

import shutil
from collections.abc import Callable
from pathlib import Path

from psycopg import Connection
from psycopg.rows import TupleRow

from services.core.redecoding.scope import RedecodeRefused
from services.core.storage.queries import load

BYTES_A_FRAME = 1_000
"""What a re-decoded frame of three readings costs at most while a run lasts: previous values, outcome, new versions of
rows, journal. Measured: docs/redecode.md."""

OPENED_A_FRAME = 500
"""More where readings are compressed: they are opened until the run ends."""

UNASKED = 1 << 30
"""So many bytes are taken to be there where nobody can look."""


class NoRoom(RedecodeRefused):
    """The disk has too little room, or nobody knows; who has looked may go on all the same."""


Free = Callable[[Connection[TupleRow]], int | None]


def free_bytes(connection: Connection[TupleRow]) -> int | None:
    """What is free where the server keeps its files, when it runs on this machine and says where; None: unknown."""
    row = connection.execute(load("redecode")["database_folder"]).fetchone()
    if row is None or row[0] is None:
        return None
    folder = Path(row[0])
    try:
        # Another machine may have a folder of that name, but not with this server's process in it.
        if not (folder / "postmaster.pid").exists():
            return None
        return shutil.disk_usage(folder).free
    except OSError:
        return None


def check_room(connection: Connection[TupleRow], frames: int, free: int | None, *, trusted: bool) -> None:
    """Raise NoRoom when ``free`` bytes do not do, unless it is ``trusted``: somebody has looked himself."""
    if trusted:
        return
    row = connection.execute(load("redecode")["has_compressed"]).fetchone()
    compressed = row is not None and row[0]
    needed = frames * (BYTES_A_FRAME + (OPENED_A_FRAME if compressed else 0))
    if free is not None and needed > free:
        raise NoRoom(
            f"the database's disk has {gigabytes(free)} free and the run may need {gigabytes(needed)}: make room, or "
            "decode less at once with --from, --to or --device; --enough-disk begins all the same"
        )
    if free is None and needed > UNASKED:
        raise NoRoom(
            f"the run may need {gigabytes(needed)} on the database's disk, which cannot be looked at from here: look "
            "yourself and say so with --enough-disk, or decode less at once with --from, --to or --device"
        )


def gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
