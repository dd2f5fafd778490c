"""Who is which device, and where: asked of the database once and kept, until it says that something changed."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta

from psycopg import Connection
from psycopg.rows import TupleRow

from decoders.codec.codec import Codec
from services.core.clock import Clock
from services.core.decoding import Device, Installation, SeriesKey
from services.core.storage.codecs import CodecShelf
from services.core.storage.gateways import Gateways
from services.core.storage.queries import load

MOST_DEVICES = 200_000
"""What is kept at most; a flood of invented DevEUIs must not fill the memory."""

MOST_SERIES = 1_000_000


def devices(connection: Connection[TupleRow], dev_euis: Collection[str]) -> dict[str, Device]:
    """Those of the devices that are declared. Raises psycopg.Error."""
    found: dict[str, tuple[str | None, list[Installation]]] = {}
    rows = connection.execute(load("inventory")["devices"], {"dev_euis": sorted(dev_euis)})
    for dev_eui, decoder, point, mount, from_at, to_at, open_ended in rows:
        _, installations = found.setdefault(dev_eui, (decoder, []))
        if point is not None:
            installations.append(Installation(point, mount, from_at, None if open_ended else to_at))
    return {dev_eui: Device(decoder, tuple(places)) for dev_eui, (decoder, places) in found.items()}


def series_ids(connection: Connection[TupleRow], keys: Iterable[SeriesKey]) -> dict[SeriesKey, int]:
    """Ids of the series, made where they are missing; none for a point or quantity that is not there.

    Raises psycopg.Error. Outside a transaction of the caller's, or the new ones stay locked until it ends.
    """
    wanted = sorted(set(keys))
    found = existing_series(connection, wanted)
    missing = [key for key in wanted if key not in found]
    if missing:
        connection.execute(load("inventory")["add_series"], _columns(missing))
        found |= existing_series(connection, missing)
    return found


class Inventory:
    """The inventory as ingest needs it, in memory. ``max_age`` bounds how long a missed notification can matter."""

    def __init__(self, clock: Clock, most_new_gateways: int, max_age: timedelta = timedelta(seconds=60)) -> None:
        self.known_gateways = Gateways(most_new_gateways)
        self._clock = clock
        self._max_age = max_age
        self._devices: dict[str, Device | None] = {}
        self._series: dict[SeriesKey, int] = {}
        self._shelf = CodecShelf()
        self._codecs: Mapping[str, Codec] | None = None
        self._expires_at = clock() + max_age

    def listen(self, connection: Connection[TupleRow]) -> None:
        """Begin on a new connection (autocommit): what was said while there was none is unknown, so forget."""
        connection.execute(load("inventory")["listen"])
        self._forget()
        self._series.clear()
        self.known_gateways.clear()

    def refresh(self, connection: Connection[TupleRow]) -> None:
        """Forget the devices if the database has said so meanwhile, or after ``max_age``. Does not wait."""
        # A server tells an idle connection in its own time; before it answers, it says all it has to.
        connection.execute(load("inventory")["hear"])
        told = [notice.channel for notice in connection.notifies(timeout=0)]
        if told or self._clock() >= self._expires_at or len(self._devices) > MOST_DEVICES:
            self._forget()
        if len(self._series) > MOST_SERIES:
            self._series.clear()

    def devices(self, connection: Connection[TupleRow], dev_euis: Iterable[str]) -> Mapping[str, Device | None]:
        """Every given device is in the answer; None when it is not declared."""
        missing = {dev_eui for dev_eui in dev_euis if dev_eui not in self._devices}
        if missing:
            found = devices(connection, missing)
            self._devices |= {dev_eui: found.get(dev_eui) for dev_eui in missing}
        return self._devices

    def codecs(self, connection: Connection[TupleRow]) -> Mapping[str, Codec]:
        """The current codecs by decoder id."""
        if self._codecs is None:
            self._codecs = self._shelf.refresh(connection)
        return self._codecs

    def series(self, connection: Connection[TupleRow], keys: Iterable[SeriesKey]) -> Mapping[SeriesKey, int]:
        missing = {key for key in keys if key not in self._series}
        if missing:
            self._series |= series_ids(connection, missing)
        return self._series

    def gateways(self, connection: Connection[TupleRow], seen: Mapping[str, datetime]) -> Mapping[str, int]:
        return self.known_gateways.ids(connection, seen, self._clock())

    def _forget(self) -> None:
        self._devices.clear()
        self._codecs = None
        self._expires_at = self._clock() + self._max_age


def existing_series(connection: Connection[TupleRow], keys: list[SeriesKey]) -> dict[SeriesKey, int]:
    """Ids of those of the series that exist. Raises psycopg.Error."""
    if not keys:
        return {}
    rows = connection.execute(load("inventory")["series"], _columns(keys))
    return {keys[place - 1]: number for place, number in rows}


def _columns(keys: list[SeriesKey]) -> dict[str, list[int] | list[str]]:
    return {
        "points": [key.point for key in keys],
        "quantities": [key.quantity for key in keys],
        "mounts": [key.mount for key in keys],
        "channels": [key.channel for key in keys],
    }
