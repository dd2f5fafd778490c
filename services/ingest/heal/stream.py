"""ChirpStack's own memory of device events: streams in its Redis. The one file that speaks to Redis.

ChirpStack 4 writes every event of every device, whatever integrations are enabled, in protobuf, as the only field of an
entry, named after the event (``chirpstack/src/stream/event.rs``, ``integration/redis.rs``):

* ``device:stream:event``, all devices, ``monitoring.device_event_log_max_history`` entries (10 unless set);
* ``device:{DEV_EUI}:stream:event`` (the braces are in the key), ``per_device_event_log_max_history`` entries (10).

Ids are Redis's: milliseconds of its clock, dash, number.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from urllib.parse import unquote, urlsplit

from redis import Redis
from redis.exceptions import RedisError

from services.core.settings import Settings

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OF_DEVICE = re.compile(rb"\{([0-9a-f]{16})\}:stream:event$")
_SECONDS = 10


class StreamAway(Exception):
    """ChirpStack's Redis cannot be read now; says why."""


@dataclass(frozen=True, slots=True)
class Entry:
    """``id`` as Redis has it, ``at`` by Redis's clock; ``event`` and ``body`` as ChirpStack wrote them."""

    id: str
    at: datetime
    event: str
    body: bytes


class EventStreams:
    """Every method raises StreamAway."""

    def __init__(self, settings: Settings) -> None:
        parts = urlsplit(settings.heal_url or "")
        secret = settings.heal_password
        password = secret.get_secret_value() if secret is not None else unquote(parts.password or "")
        port = parts.port or 6379
        database = int(parts.path.strip("/") or 0)
        self.name = f"{parts.scheme}://{parts.hostname}:{port}/{database} {settings.heal_prefix}".rstrip()
        """Where it is, without secrets: for people, and for the position kept in the database."""
        self._prefix = settings.heal_prefix
        self._all = f"{self._prefix}device:stream:event"
        self._redis = Redis(
            host=parts.hostname or "",
            port=port,
            db=database,
            username=unquote(parts.username) if parts.username else None,
            password=password or None,
            ssl=parts.scheme == "rediss",
            socket_timeout=_SECONDS,
            socket_connect_timeout=_SECONDS,
            client_name="terroir",
            # Whose refusals are in words an operator knows.
            protocol=2,
        )

    def now(self) -> datetime:
        """Redis's clock."""
        seconds, microseconds = self._ask("TIME")
        return _EPOCH + timedelta(seconds=int(seconds), microseconds=int(microseconds))

    def holds(self, entry: str) -> bool:
        """Whether the stream of all devices still has this entry."""
        return bool(self._ask("XRANGE", self._all, entry, entry))

    def first(self) -> Entry | None:
        """The oldest entry of the stream of all devices."""
        return next(iter(_entries(self._ask("XRANGE", self._all, "-", "+", "COUNT", 1))), None)

    def length(self) -> int:
        return int(self._ask("XLEN", self._all))

    def page(self, after: str | None, until: datetime, most: int) -> list[Entry]:
        """The next entries of the stream of all devices, not younger than ``until``."""
        start = "-" if after is None else f"({after}"
        return _entries(self._ask("XRANGE", self._all, start, _milliseconds(until), "COUNT", most))

    def of_devices(self, since: datetime, until: datetime) -> Iterator[list[Entry]]:
        """What each device's own stream has between these times, device by device; of most devices nothing."""
        # The prefix is somebody's setting: its special characters mean themselves.
        prefix = re.sub(r"([*?\[\]\\])", r"\\\1", self._prefix)
        cursor: object = 0
        seen: set[bytes] = set()
        while True:
            answer = self._ask("SCAN", cursor, "MATCH", f"{prefix}device:{{*}}:stream:event", "COUNT", 1000)
            cursor, keys = answer
            for key in keys:
                if _OF_DEVICE.search(key) and key not in seen:
                    seen.add(key)
                    found = _entries(self._ask("XRANGE", key, _milliseconds(since), _milliseconds(until)))
                    if found:
                        yield found
            if int(cast("Any", cursor)) == 0:
                return

    def close(self) -> None:
        self._redis.close()

    def _ask(self, command: str, *arguments: object) -> Any:
        try:
            return cast("Any", self._redis).execute_command(command, *arguments)
        except RedisError as error:
            raise StreamAway(" ".join(str(error).split())) from error


def time_of(entry: str) -> datetime:
    """When an entry of this id was written, by Redis's clock."""
    return _EPOCH + timedelta(milliseconds=int(entry.partition("-")[0]))


def _milliseconds(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(milliseconds=1)


def _entries(answer: Sequence[tuple[bytes, dict[bytes, bytes] | None]]) -> list[Entry]:
    found: list[Entry] = []
    for name, fields in answer:
        entry = name.decode()
        for event, body in (fields or {}).items():
            found.append(Entry(entry, time_of(entry), event.decode(errors="replace"), body))
    return found
