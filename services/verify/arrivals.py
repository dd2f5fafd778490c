"""What the other comparisons saw arrive, kept for the ledger's: frames on disk, messages by device in memory."""

import sqlite3
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from pathlib import Path

from services.core.civil import day_of
from services.core.storage.queries import texts
from services.verify.counted import Bounds, Frame
from services.verify.part import Part
from services.verify.sent import SentBody, SentEvent, SentUplink
from services.verify.stored import Quarantined, StoredEvent, StoredUplink

_FILE = Path(__file__).with_name("arrivals.sql")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DEVICE = 3  # application/ID/device/DEVEUI/event/EVENT


class Arrivals:
    """Filled while the manifest is compared with the store.

    `deliveries` by DevEUI: how often messages that arrived were delivered beyond the first time, at least as the
    broker's acknowledgements say; `published`: the same, at most as far as the simulator went. `quarantined` by DevEUI
    and day of receipt. `strangers`: devices of which the store has what nobody sent, or not any more what somebody did;
    `foreign`: there are such rows at all. `stored`: rows that were sent, by event; `in_quarantine`: rows, and what was
    sent and is not there any more; `accepted`: publications the broker acknowledged, of all that arrived.
    """

    def __init__(self, late_after: timedelta) -> None:
        self._sql = texts(_FILE)
        self._late_after = late_after
        self._connection = sqlite3.connect("", isolation_level=None)
        self._connection.execute(self._sql["create_frame"])
        self._connection.execute("BEGIN")
        self.deliveries: Counter[str] = Counter()
        self.published: Counter[str] = Counter()
        self.quarantined: dict[str, Counter[date]] = {}
        self.strangers: set[str] = set()
        self.stored: Counter[str] = Counter()
        self.in_quarantine = Bounds()
        self.accepted = 0
        self.foreign = False

    def close(self) -> None:
        self._connection.close()

    def share(self, part: Part) -> "Arrivals":
        """For the devices of a part to go on with: what is known of them."""
        found = Arrivals(self._late_after)
        found.deliveries.update({device: n for device, n in self.deliveries.items() if part.has(device)})
        found.published.update({device: n for device, n in self.published.items() if part.has(device)})
        found.quarantined = {device: days for device, days in self.quarantined.items() if part.has(device)}
        found.strangers = {device for device in self.strangers if part.has(device)}
        return found

    def add(self, other: "Arrivals") -> None:
        """The sums of a part, for the platform's line."""
        self.stored += other.stored
        self.accepted += other.accepted
        self.foreign |= other.foreign

    def uplinks(self, sent: list[SentUplink], stored: list[StoredUplink]) -> None:
        """Frames under one deduplication id, and the rows that are there."""
        if not sent:
            self._stranger(*(row.dev_eui for row in stored))
            return
        self.stored["up"] += len(stored)
        row = stored[0] if stored else None
        for message in sent:
            self._note_frame(message, row)
            row = None  # one row stands for one of them
        if stored:
            self._delivered(sent[0].dev_eui, sent)

    def events(self, sent: list[SentEvent], stored: list[StoredEvent]) -> None:
        """Other messages with one body."""
        if not sent:
            self._stranger(*(row.dev_eui for row in stored))
            return
        for row in stored:
            self.stored[row.event] += 1
        if stored:
            self._delivered(sent[0].dev_eui, sent)

    def quarantine(self, sent: list[SentBody], rows: list[Quarantined]) -> None:
        """Messages with one body and topic."""
        if not sent:
            self._stranger(*(_device(row.topic) for row in rows))
            return
        for row in rows:
            self.quarantined.setdefault(_device(row.topic), Counter())[day_of(row.received_at)] += 1
        # What is due and not there may have been there: an operator has resolved it since.
        gone = any(message.acknowledged and message.expect == "quarantined" for message in sent) and not rows
        self.in_quarantine = self.in_quarantine.plus(Bounds(len(rows), len(rows) + gone))
        if gone:
            self.strangers.add(_device(sent[0].topic))
        if rows:
            self._delivered(_device(sent[0].topic), sent)

    def quarantined_of(self, dev_eui: str) -> Counter[date]:
        """Messages in quarantine by day of receipt."""
        return self.quarantined.get(dev_eui, Counter())

    def devices(self) -> Iterator[tuple[str, list[Frame]]]:
        """Every device that sent frames, in order, with its frames in order of address and time."""
        rows = self._connection.execute(self._sql["frames"])
        for dev_eui, group in groupby(rows, lambda row: row[0]):
            yield dev_eui, [Frame(*row[1:5], *map(bool, row[5:])) for row in group]

    def _note_frame(self, message: SentUplink, row: StoredUplink | None) -> None:
        at = None if row is None else (row.received_at - _EPOCH) // timedelta(microseconds=1)
        unknown = not message.declared and message.outcome in {None, "repeat"}
        self._connection.execute(
            self._sql["note_frame"],
            (
                message.dev_eui,
                message.dev_addr,
                message.time,
                message.f_cnt,
                at,
                at is not None and at - message.time > self._late_after // timedelta(microseconds=1),
                message.outcome == "refused",
                unknown,
                # Whether it was unknown depends on when somebody declared the device, which is not the manifest's.
                row is not None and (row.again or (unknown and row.outcome != "unknown_device")),
                message.expect == "repeat",
                message.outcome == "untimely",
            ),
        )

    def _delivered(self, dev_eui: str, sent: list[SentUplink] | list[SentEvent] | list[SentBody]) -> None:
        acknowledged = sum(message.acknowledgements for message in sent)
        self.accepted += acknowledged
        self.deliveries[dev_eui] += max(0, acknowledged - 1)
        self.published[dev_eui] += max(0, sum(message.copies for message in sent) - 1)

    def _stranger(self, *devices: str) -> None:
        self.foreign = True
        self.strangers.update(devices)


def _device(topic: str) -> str:
    levels = topic.split("/")
    return levels[_DEVICE].lower() if len(levels) > _DEVICE else ""
