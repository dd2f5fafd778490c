"""What the server can do beyond PostgreSQL: the grade of the store."""

from dataclasses import dataclass
from enum import StrEnum
from typing import LiteralString

from psycopg import Connection
from psycopg.rows import TupleRow


class Grade(StrEnum):
    """In rising order: each has what the one before has."""

    PLAIN = "plain"  # PostgreSQL alone
    TIMESCALE = "timescale"  # TimescaleDB, Apache edition: hypertables
    COMMUNITY = "community"  # TimescaleDB, community edition: compression, continuous aggregates

    @property
    def included(self) -> frozenset["Grade"]:
        """This grade and those below it."""
        grades = list(Grade)
        return frozenset(grades[: grades.index(self) + 1])


@dataclass(frozen=True)
class Server:
    """What a server offers. `timescaledb` is its version, None without it; `hint` is for the operator."""

    grade: Grade
    postgresql: str
    timescaledb: str | None
    hint: str = ""

    def describe(self) -> str:
        """One line, for `terroir migrate` and `terroir status`."""
        names = {
            Grade.PLAIN: "without TimescaleDB",
            Grade.TIMESCALE: f"TimescaleDB {self.timescaledb}, Apache edition",
            Grade.COMMUNITY: f"TimescaleDB {self.timescaledb}, community edition",
        }
        return f"PostgreSQL {self.postgresql}, {names[self.grade]} (grade: {self.grade})"


_VERSIONS: LiteralString = """
SELECT current_setting('server_version'),
    (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'),
    (SELECT default_version FROM pg_available_extensions WHERE name = 'timescaledb'),
    -- Set by the library's loader, so it is there when shared_preload_libraries names timescaledb.
    EXISTS (SELECT FROM pg_settings WHERE name = 'timescaledb.disable_load'),
    current_setting('timescaledb.license', true)
"""


def detect(connection: Connection[TupleRow]) -> Server:
    """Look at what the server has: the extension, whether it can be loaded, and its licence.

    Where the extension is not created yet the licence cannot be asked: the answer is TIMESCALE then, and
    may rise to COMMUNITY once it is. Raises psycopg.Error.
    """
    row = connection.execute(_VERSIONS).fetchone()
    if row is None:
        raise RuntimeError("a SELECT without FROM gave no row")
    postgresql: str = str(row[0]).split()[0]
    created: str | None = row[1]
    available: str | None = row[2]
    loaded: bool = row[3]
    licence: str | None = row[4]
    if created is None and available is not None and not loaded:
        hint = (
            f"TimescaleDB {available} is installed but not loaded: set shared_preload_libraries = "
            "'timescaledb' in postgresql.conf, restart PostgreSQL and run: terroir migrate"
        )
        return Server(Grade.PLAIN, postgresql, None, hint)
    if created is None and available is None:
        return Server(Grade.PLAIN, postgresql, None)
    # The setting's values: https://docs.timescale.com, "Edition comparison" (timescaledb.license).
    grade = Grade.COMMUNITY if created is not None and licence == "timescale" else Grade.TIMESCALE
    return Server(grade, postgresql, created or available)
