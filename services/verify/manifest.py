"""Reading a manifest: everything the simulator sent, in order, as docs/manifest.md describes it."""

import sqlite3
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import quote

from services.core.storage.queries import texts
from services.verify.partition import Partition
from services.verify.sent import SentBody, SentEvent, SentFrame, SentShown, SentUplink, SentValue

_FILE = Path(__file__).with_name("manifest.sql")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class ManifestError(Exception):
    """The file is no manifest; names it and what is wrong with it."""


class Manifest:
    """An open manifest. Every pass reads the same moment of it, even while a simulator writes on."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._sql = texts(_FILE)
        self._connection = connection
        self.path = path
        if not connection.execute(self._sql["has_effects"]).fetchone()[0]:
            connection.execute(self._sql["create_effect"])
            connection.execute(self._sql["create_mark"])
        if not connection.execute(self._sql["has_shown"]).fetchone()[0]:
            connection.execute(self._sql["create_shown"])
        self.messages, self.values = self._size()

    @property
    def of_gateways(self) -> bool:
        """Whether frames of gateways were sent, so that what is stored was written by a network server in between."""
        row = self._connection.execute(self._sql["level"]).fetchone()
        return row is not None and row[0] == "gateway"

    def bind(self, stored: Iterable[tuple[str, str, int, str, datetime, int, bool]]) -> None:
        """Gives each frame the id and the time that the network server gave it: all later passes see those.

        `stored`: dev_eui, dev_addr, f_cnt, deduplication id, measured_at, gateways, whether it gives readings; in the
        order of arrival within a frame.
        """
        sql, execute = self._sql, self._connection.execute
        execute(sql["create_handed"])
        execute(sql["create_again"])
        for dev_eui, dev_addr, f_cnt, deduplication_id, measured_at, gateways, counts in stored:
            at = (measured_at - _EPOCH) // timedelta(microseconds=1)
            first = execute(sql["hand"], (dev_eui, dev_addr, f_cnt, deduplication_id, at, gateways)).rowcount
            if not first and counts:
                execute(sql["hand_again"], (dev_eui, dev_addr, f_cnt, deduplication_id))
        execute(sql["view_messages"])
        execute(sql["view_values"])

    def misdated(self, limit: timedelta) -> Iterator[tuple[str, int, int, float]]:
        """After `bind`: dev_eui, f_cnt, message and seconds of frames whose time moved by more than `limit`."""
        yield from self._connection.execute(self._sql["misdated"], (limit // timedelta(microseconds=1),))

    def handed_again(self) -> Iterator[tuple[str, int, int, int]]:
        """After `bind`: dev_eui, f_cnt, message and number of further rows of frames taken for new again."""
        yield from self._connection.execute(self._sql["handed_again"])

    @classmethod
    @contextmanager
    def open(cls, path: Path) -> Generator[Self]:
        """Raises ManifestError when there is no such file or it is not a manifest."""
        if not path.is_file():
            raise ManifestError(f"there is no manifest {path}: terroir simulate writes one with --manifest")
        address = f"file:{quote(str(path.resolve()))}?mode=ro"
        connection = sqlite3.connect(address, uri=True, isolation_level=None, timeout=30)
        try:
            connection.execute("BEGIN")
            yield cls(connection, path)
        except sqlite3.DatabaseError as error:
            raise ManifestError(f"{path} is not a manifest of terroir simulate: {error}") from error
        finally:
            connection.close()

    def _size(self) -> tuple[int, int]:
        messages, values = self._connection.execute(self._sql["size"]).fetchone()
        return int(messages), int(values)

    def larger_than(self, limit: int) -> bool:
        """Whether its messages and values are more; what a few gateways received in real time never is."""
        return self.messages + self.values > limit and not self.of_gateways

    def divided(self, limit: int, stored: Mapping[str, int], advance: Callable[[int], None]) -> Partition:
        """In slices of `limit` messages and values; from now on all passes see the slice that is shown.

        `stored`: frames by device that the store has. `advance` is told of values that have been read.
        """
        rows_of_a_frame = (self.messages + self.values) / self.messages
        weights = {dev_eui: round(frames * rows_of_a_frame) for dev_eui, frames in stored.items()}
        return Partition(self._connection, limit, weights, advance)

    def uplinks(self) -> Iterator[SentUplink]:
        for row in self._connection.execute(self._sql["uplinks"]):
            yield SentUplink(*row)

    def frames(self) -> Iterator[SentFrame]:
        for row in self._connection.execute(self._sql["frames"]):
            yield SentFrame(*row)

    def begins(self) -> datetime | None:
        """When its first message was sent; None when there is none."""
        (at,) = self._connection.execute(self._sql["begins"]).fetchone()
        return None if at is None else _EPOCH + timedelta(microseconds=at)

    def resets(self) -> dict[str, list[int]]:
        """By DevEUI when its counter was to begin anew without a join, in microseconds since 1970."""
        found: dict[str, list[int]] = {}
        if self._connection.execute(self._sql["has_happenings"]).fetchone()[0]:
            for whom, at in self._connection.execute(self._sql["resets"]):
                for dev_eui in whom.split():
                    found.setdefault(dev_eui, []).append(at)
        return found

    def events(self) -> Iterator[SentEvent]:
        for row in self._connection.execute(self._sql["events"]):
            yield SentEvent(*row)

    def bodies(self, held: Iterable[bytes]) -> Iterator[SentBody]:
        """Those that belong in quarantine, and those whose digest is one of `held`."""
        self._connection.execute(self._sql["create_held_digest"])
        self._connection.executemany(self._sql["note_held_digest"], ((digest,) for digest in held))
        for row in self._connection.execute(self._sql["bodies"]):
            yield SentBody(*row)

    def on_air(self, what: Literal["joins", "statuses", "refused"]) -> list[tuple[Any, ...]]:
        """At gateway level, what a network server must tell of: see the queries of these names."""
        execute = self._connection.execute
        return execute(self._sql[what]).fetchall() if execute(self._sql["has_air"]).fetchone()[0] else []

    def shown(self) -> Iterator[SentShown]:
        for row in self._connection.execute(self._sql["shown"]):
            dev_eui, quantity, channel, at, value, resolution, deduplication_id, due, fault = row
            measured_at = _EPOCH + timedelta(microseconds=at)
            yield SentShown(
                dev_eui, quantity, channel, measured_at, value, resolution, deduplication_id, bool(due), fault
            )

    def readings(self) -> Iterator[SentValue]:
        for (
            dev_eui,
            quantity,
            channel,
            at,
            value,
            resolution,
            deduplication_id,
            sent_at,
            due,
            fault,
            flags,
        ) in self._connection.execute(self._sql["values"]):
            measured_at = _EPOCH + timedelta(microseconds=at)
            yield SentValue(
                dev_eui,
                quantity,
                channel,
                measured_at,
                value,
                resolution,
                deduplication_id,
                at != sent_at,
                bool(due),
                fault,
                flags,
            )
