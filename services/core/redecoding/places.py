"""Ids of series: found, and made or imagined where they are missing."""

from collections.abc import Iterable, Mapping

from psycopg import Connection
from psycopg.rows import TupleRow

from services.core.decoding import Device, SeriesKey
from services.core.storage.inventory import existing_series, series_ids
from services.core.storage.queries import load


class Places:
    """``writing``: missing series are made; else they get a negative number that stands for nothing."""

    def __init__(self, connection: Connection[TupleRow], *, writing: bool) -> None:
        self._connection = connection
        self._writing = writing
        self._known: dict[SeriesKey, int] = {}
        self._keys: dict[int, SeriesKey] = {}

    def series(self, keys: Iterable[SeriesKey]) -> Mapping[SeriesKey, int]:
        """Every given series that is or can be, among others. Raises psycopg.Error; not within a transaction."""
        missing = sorted({key for key in keys if key not in self._known})
        if missing and self._writing:
            self._learn(series_ids(self._connection, missing))
        elif missing:
            found = existing_series(self._connection, missing)
            self._learn(found)
            lacking = [key for key in missing if key not in found]
            self._learn({key: -number for number, key in enumerate(lacking, 1 + len(self._known))})
        return self._known

    def all_of(self, devices: Iterable[Device]) -> set[int]:
        """Every series at the places where the devices ever were."""
        places = sorted({(place.point, place.mount) for device in devices for place in device.installations})
        rows = _series_of(self._connection, places)
        self._learn(
            {SeriesKey(point, quantity, mount, channel): number for number, point, quantity, mount, channel in rows}
        )
        return {number for number, *_ in rows}

    def quantity(self, series: int) -> str:
        return self._keys[series].quantity

    def key(self, series: int) -> SeriesKey:
        return self._keys[series]

    def _learn(self, found: Mapping[SeriesKey, int]) -> None:
        self._known.update(found)
        self._keys.update({number: key for key, number in found.items()})


def _series_of(connection: Connection[TupleRow], places: list[tuple[int, str]]) -> list[tuple[int, int, str, str, str]]:
    parameters = {"points": [point for point, _ in places], "mounts": [mount for _, mount in places]}
    return connection.execute(load("redecode")["series_of_places"], parameters).fetchall()
