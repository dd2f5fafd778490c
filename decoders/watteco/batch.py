"""Watteco's batches: many dated samples of several series, differences coded by their size.

Bits are taken from the lowest of each byte. A number of n bits comes as its top n mod 8 bits first, then
byte by byte, each lowest bit first; Huffman codes come highest bit first.

    flags 8 bits: series count in bits 7..4, bit 2 no more samples, bit 1 common times
    counter 3, one bit unused
    per series: tag, time, first value [coding type 2, coding table 2]
    common times: count 8, time table 2, times; per series: tag, per time one bit "has a sample", value
    own times: per series: tag, count 8 [, time table 2, per sample time and value]
    time of sending

A time is 32 bits when there is none before it, else a Huffman size s of table 1 and s bits: the step is
those bits + 2^s - 1 seconds, 0 for size 0, and size 15 announces a full value. A value difference has its
size from the series' table: type 0 signed, 1 rising, 2 falling, times the resolution of the series.

Times count seconds on the sensor's clock; the time of sending tells how long ago each sample was taken.

Source: Watteco, Codec-Report-Batch (br_uncompress) and support pages on batches.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum

from decoders.collector import Collector
from decoders.frame import Decoded, DecodeError, Frame, Reason
from decoders.times import shifted
from decoders.watteco.bits import RAW, TIME_TABLE, Bits


class Sample(Enum):
    """How a full value is sent: bits, and whether it is signed; None is a float."""

    BIT = (1, False)
    U8 = (8, False)
    I8 = (8, True)
    U16 = (16, False)
    I16 = (16, True)
    U24 = (24, False)
    I24 = (24, True)
    U32 = (32, False)
    I32 = (32, True)
    F32 = (32, None)


@dataclass(frozen=True, slots=True)
class Series:
    """What a tag stands for on a model: value = raw / divisor, differences in steps of `resolution`."""

    quantity: str
    channel: str
    sample: Sample
    resolution: float = 1
    divisor: float = 1


@dataclass(slots=True)
class _Run:
    """The samples of one series so far, as (seconds on the sensor's clock, raw value)."""

    series: Series
    samples: list[tuple[int, float]]
    coding: int = 0
    table: int = 0


@dataclass(slots=True)
class _Batch:
    bits: Bits
    series: Mapping[int, Series]
    tag_bits: int
    runs: dict[int, _Run] = field(default_factory=dict[int, "_Run"])

    def tag(self) -> int:
        tag = self.bits.number(self.tag_bits)
        if tag not in self.series:
            raise DecodeError(Reason.UNKNOWN_TYPE, f"batch series {tag} is not known for this model")
        return tag


def decode_batch(frame: Frame, series: Mapping[int, Series], tag_bits: int) -> Decoded:
    """Unpack a batch into values with their own times, counted back from the time of reception."""
    bits = Bits(frame.payload)
    batch = _Batch(bits, series, tag_bits)
    flags = bits.number(8)
    count, more, common = flags >> 4, not flags & 4, bool(flags & 2)
    bits.number(3)
    bits.number(1)
    last = _first_values(batch, count, more=more)
    if more and count:
        last = _common_times(batch, count) if common else _own_times(batch, count, last)
    sent = _time(bits, last)
    out = Collector()
    for run in batch.runs.values():
        for at, raw in run.samples:
            measured_at = shifted(frame.received_at, timedelta(seconds=at - sent))
            out.add(run.series.quantity, raw / run.series.divisor, run.series.channel, measured_at)
    return out.done()


def _first_values(batch: _Batch, count: int, *, more: bool) -> int:
    at = 0
    for _ in range(count):
        tag = batch.tag()
        at = _time(batch.bits, at)
        run = _Run(batch.series[tag], [(at, _full_value(batch.bits, batch.series[tag].sample))])
        if more:
            run.coding, run.table = batch.bits.number(2), batch.bits.number(2)
        batch.runs[tag] = run
    return at


def _common_times(batch: _Batch, count: int) -> int:
    bits = batch.bits
    samples, table = bits.number(8), bits.number(2)
    start = next(iter(batch.runs.values())).samples[0][0]
    times: list[int] = []
    for _ in range(samples):
        size = bits.huffman(table)
        if size == RAW:
            times.append(bits.number(32))
        else:
            times.append(times[-1] + bits.step(size) if times else start)
    for _ in range(count):
        run = _run_of(batch)
        repeated = True
        for at in times:
            if not bits.number(1):
                continue
            value = _next_value(bits, run)
            if value is None and repeated:
                repeated = False  # the first sample was given in full already
                continue
            run.samples.append((at, run.samples[-1][1] if value is None else value))
    return times[-1] if times else start


def _own_times(batch: _Batch, count: int, last: int) -> int:
    bits = batch.bits
    for _ in range(count):
        run = _run_of(batch)
        samples = bits.number(8)
        table = bits.number(2) if samples else 0
        for _ in range(samples):
            size = bits.huffman(table)
            at = bits.number(32) if size == RAW else run.samples[-1][0] + bits.step(size)
            last = max(last, at)
            value = _next_value(bits, run)
            run.samples.append((at, run.samples[-1][1] if value is None else value))
    return last


def _run_of(batch: _Batch) -> _Run:
    tag = batch.tag()
    if tag not in batch.runs:
        raise DecodeError(Reason.BAD_VALUE, f"batch series {tag} has samples but no first value")
    return batch.runs[tag]


def _time(bits: Bits, before: int) -> int:
    if not before:
        return bits.number(32)
    size = bits.huffman(TIME_TABLE)
    return bits.number(32) if size == RAW else before + bits.step(size)


def _full_value(bits: Bits, sample: Sample) -> float:
    size, signed = sample.value
    raw = bits.number(size)
    if signed is None:
        (value,) = struct.unpack(">f", raw.to_bytes(4, "big"))
        return float(value)
    return raw - (1 << size) if signed and raw >> size - 1 else raw


def _next_value(bits: Bits, run: _Run) -> float | None:
    """The next value of a series, None when it did not change."""
    size = bits.huffman(run.table)
    if size == RAW:
        return _full_value(bits, run.series.sample)
    if size == 0:
        return None
    raw, span, before = bits.number(size), (1 << size) - 1, run.samples[-1][1]
    if run.coding == 0:
        step = raw if raw >> size - 1 else raw - span
    elif run.coding == 1:
        step = raw + span
    else:
        step = -(raw + span)
    return before + step * run.series.resolution
