"""Fludia's reports: an index and the increments that led to it. Layout in `decoders.fludia.fm432`."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from decoders.collector import Collector
from decoders.frame import DecodeError, Reason
from decoders.reader import Reader
from decoders.times import shifted

NOT_READ = range(0xFFFB, 0x10000)
INDEX_NOT_READ = bytes([0xFF] * 8)
SIGNED_IMPORT, SIGNED_EXPORT = 1, 2


def increments(reader: Reader, received_at: datetime, out: Collector, divisor: int) -> None:
    """A 32-bit index and unsigned increments, in pulses (or tenths of them)."""
    step = _step(reader)
    index = reader.u32be()
    words = _words(reader, reader.remaining // 2)
    for at, value in _history(index, words, received_at, step):
        out.add("pulse_count_total", value / divisor, measured_at=at)


def optical(reader: Reader, received_at: datetime, out: Collector, watt_hours: float) -> None:
    """One energy register: in watt-hours as the meter's pulses and in kilowatt-hours as energy."""
    step = _step(reader)
    signed = reader.u8() != 0
    for at, value in _register(reader, received_at, step, reader.remaining, out, signed=signed):
        if value >= 0:
            out.add("pulse_count_total", value * watt_hours, measured_at=at)
        out.add("energy_active_total", value * watt_hours / 1000, measured_at=at)


def optical_pair(reader: Reader, received_at: datetime, out: Collector, watt_hours: float) -> None:
    """The imported and the exported register, one after the other and of the same length."""
    step = _step(reader)
    signs = reader.u8()
    half = reader.remaining // 2
    for channel, flag in (("import", SIGNED_IMPORT), ("export", SIGNED_EXPORT)):
        signed = bool(signs & flag)
        for at, value in _register(reader, received_at, step, half, out, signed=signed):
            out.add("energy_active_total", value * watt_hours / 1000, channel, at)


def _step(reader: Reader) -> timedelta:
    minutes = reader.u8()
    if minutes == 0:
        raise DecodeError(Reason.BAD_VALUE, "a step of 0 minutes at offset 1")
    return timedelta(minutes=minutes)


def _words(reader: Reader, count: int) -> list[int]:
    return [reader.u16be() for _ in range(count)]


def _register(
    reader: Reader, received_at: datetime, step: timedelta, size: int, out: Collector, *, signed: bool
) -> list[tuple[datetime, int]]:
    raw = reader.take(8)
    words: list[int | None] = [
        None if word in NOT_READ else _signed(word) if signed else word for word in _words(reader, (size - 8) // 2)
    ]
    if raw == INDEX_NOT_READ:
        out.absent("energy_active_total", why="the meter was not read")
        return []
    if None in words:
        out.warn("increments that were not read: the index before them is unknown")
    return _history(int.from_bytes(raw, "big", signed=signed), words, received_at, step)


def _signed(word: int) -> int:
    return word - 0x10000 if word & 0x8000 else word


def _history(
    index: int, words: Sequence[int | None], received_at: datetime, step: timedelta
) -> list[tuple[datetime, int]]:
    """The index now and, going back, before each increment, as far as they are known."""
    at = received_at.replace(second=0, microsecond=0)
    history = [(at, index)]
    for word in reversed(words):
        if word is None:
            break
        at = shifted(at, -step)
        index -= word
        history.append((at, index))
    return history
