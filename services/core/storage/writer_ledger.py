"""What a batch means for the ledger beside its frames, which the worker reads by itself: see docs/ledger.md.

A batch without duplicates and refusals costs one statement, whatever its size: the line of this run and day.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from psycopg import Connection
from psycopg.rows import TupleRow

from services.core.civil import day_of
from services.core.domain import DeviceEvent, Rejected, Uplink
from services.core.storage.queries import load
from services.core.storage.writer_types import Batch, FrameRow, Run

WIDE = timedelta(minutes=5)
REPLAY = "replay"
"""The source of what leaves the quarantine: it was delivered before."""

_DEV_EUI = re.compile(r"(?:^|/)([0-9a-fA-F]{16})(?=/|$)")

Line = tuple[date, str, str]
"""Day, outcome, and of what was stored the event, of what was quarantined the reason."""


@dataclass(slots=True)
class _Notes:
    duplicates: int = 0
    quarantined: int = 0
    replayed: int = 0
    unsettled: bool = False
    first_received: datetime | None = None  # of the frames that make it so


def note_ledger(
    connection: Connection[TupleRow], batch: Batch, first_seen: Collection[bytes], stored: Sequence[FrameRow]
) -> None:
    """Call it last in the transaction of the batch; it asks nothing, so it may go through a pipeline.

    ``first_seen``: keys it stores; ``stored``: frames among them. Raises psycopg.Error.
    """
    messages: list[Uplink | DeviceEvent | Rejected] = [frame.uplink for frame in batch.frames]
    others: list[Uplink | DeviceEvent | Rejected] = [*batch.events, *batch.rejected]
    if not messages and not others:
        return
    times = [message.received_at for message in (*messages, *others)]
    day = day_of(min(times))
    notes: dict[tuple[str, date], _Notes] = {}
    lines: Counter[Line] = Counter()
    if len(times) == len(first_seen) and day == day_of(max(times)):
        # Nothing came twice: frames need not be looked at one by one.
        lines[day, "stored", "up"] = len(messages)
        messages = []
    remaining = set(first_seen)
    for message in (*messages, *others):
        outcome, detail = _outcome(message, remaining)
        remaining.discard(message.key)
        lines[day_of(message.received_at), outcome, detail] += 1
        if outcome != "duplicate" or batch.run.source != REPLAY:
            _note(notes, message, outcome)
    received = [frame.uplink.received_at for frame in stored]
    if received and is_wide(min(received), max(received)):
        for frame in stored:
            at = frame.uplink.measured_at if frame.uplink.timely else frame.uplink.received_at
            note = notes.setdefault((frame.uplink.dev_eui, day_of(at)), _Notes())
            note.unsettled = True
            note.first_received = min(note.first_received or frame.uplink.received_at, frame.uplink.received_at)
    _write_notes(connection, notes)
    _write_lines(connection, batch.run, +lines)


def note_replayed(connection: Connection[TupleRow], messages: Iterable[tuple[str, datetime]]) -> None:
    """Messages that left the quarantine, as (topic, ``received_at`` of then), in the transaction that takes them out.

    They stay counted as quarantined on their day, and as replayed beside. Raises psycopg.Error.
    """
    notes: dict[tuple[str, date], _Notes] = {}
    for topic, received_at in messages:
        dev_eui = device_of(topic)
        if dev_eui is not None:
            notes.setdefault((dev_eui, day_of(received_at)), _Notes()).replayed += 1
    _write_notes(connection, notes)


def is_wide(first_received: datetime, last_received: datetime) -> bool:
    """Whether frames were received further apart than those of a batch that has just come: then it was replayed.

    What the worker is to read for such a batch is noted device by device.
    """
    return last_received - first_received > WIDE


def device_of(topic: str) -> str | None:
    """The DevEUI a topic speaks of: its first level of sixteen hexadecimal digits, in lower case."""
    match = _DEV_EUI.search(topic)
    return match[1].lower() if match else None


def _outcome(message: Uplink | DeviceEvent | Rejected, first_seen: Collection[bytes]) -> tuple[str, str]:
    if message.key not in first_seen:
        return "duplicate", ""
    if isinstance(message, Rejected):
        return "quarantined", message.reason
    return "stored", message.event if isinstance(message, DeviceEvent) else "up"


def _note(notes: dict[tuple[str, date], _Notes], message: Uplink | DeviceEvent | Rejected, outcome: str) -> None:
    dev_eui = device_of(message.topic) if isinstance(message, Rejected) else message.dev_eui
    if dev_eui is None:
        return
    day = day_of(message.received_at)
    if outcome == "duplicate":
        notes.setdefault((dev_eui, day), _Notes()).duplicates += 1
    elif outcome == "quarantined":
        notes.setdefault((dev_eui, day), _Notes()).quarantined += 1
    elif isinstance(message, DeviceEvent) and message.event == "join":
        # A session may have begun in the middle of what is settled already.
        notes.setdefault((dev_eui, day_of(message.measured_at)), _Notes()).unsettled = True


def _write_notes(connection: Connection[TupleRow], notes: dict[tuple[str, date], _Notes]) -> None:
    if not notes:
        return
    ordered = sorted(notes.items(), key=lambda item: item[0])
    connection.execute(
        load("ledger")["add_notes"],
        {
            "dev_eui": [dev_eui for (dev_eui, _), _ in ordered],
            "day": [day for (_, day), _ in ordered],
            "duplicates": [note.duplicates for _, note in ordered],
            "quarantined": [note.quarantined for _, note in ordered],
            "replayed": [note.replayed for _, note in ordered],
            "unsettled": [note.unsettled for _, note in ordered],
            "first_received": [note.first_received for _, note in ordered],
        },
    )


def _write_lines(connection: Connection[TupleRow], run: Run, lines: Counter[Line]) -> None:
    sql = load("ledger")
    ordered = sorted(lines.items())
    connection.execute(
        sql["count_messages"],
        {
            "run": run.id,
            "source": [run.source] * len(ordered),
            "day": [day for (day, _, _), _ in ordered],
            "outcome": [outcome for (_, outcome, _), _ in ordered],
            "detail": [detail for (_, _, detail), _ in ordered],
            "messages": [count for _, count in ordered],
        },
    )
    totals = sorted((day, name, count) for (day, name), count in run.totals.items() if count)
    if totals:
        connection.execute(
            sql["state_messages"],
            {
                "run": run.id,
                "source": [run.source] * len(totals),
                "day": [day for day, _, _ in totals],
                "outcome": [name for _, name, _ in totals],
                "messages": [count for _, _, count in totals],
            },
        )
