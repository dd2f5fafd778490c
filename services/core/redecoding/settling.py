"""A part laid beside what the store holds: what would change."""

from collections.abc import Collection, Mapping, Sequence

from psycopg import Connection
from psycopg.rows import TupleRow

from services.core.judging import SeriesState
from services.core.redecoding.deciding import Decided, Key, Standing, decide
from services.core.redecoding.places import Places
from services.core.redecoding.reading import Part
from services.core.storage.redecoding import standing, states_before
from services.core.storage.writer_conflicts import frame_ranks


class Settler:
    """Settles parts one after the other; where a part follows another of its device, its series' states are known."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._carried: dict[int, SeriesState] = {}

    def series_of(self, part: Part) -> list[int]:
        """Every series the part may change, in order."""
        found = self._places.all_of(part.devices.values())
        return sorted(found | {series for series, _ in part.said if series > 0})

    def settle(self, connection: Connection[TupleRow], part: Part, series: Sequence[int]) -> Decided:
        """What changes; nothing is written. Raises psycopg.Error."""
        stands = standing(connection, series, part.from_at, part.to_at)
        if part.follows:
            before: Mapping[int, SeriesState] = self._carried
        else:
            before = states_before(connection, series, part.from_at)
        ranks = {**part.ranks, **frame_ranks(connection, _unknown_holders(part, stands))}
        return decide(part.said, stands, part.chosen, ranks, before)

    def done(self, decided: Decided) -> None:
        """The part stands as decided: the next one of its device goes on from there."""
        self._carried = decided.after


def _unknown_holders(part: Part, stands: Mapping[Key, Standing]) -> Collection[int]:
    """Frames that hold a contested key and were not read: of another device, or received at an unlikely time."""
    return {old.uplink for key in part.said if (old := stands.get(key)) is not None and old.uplink not in part.ranks}
