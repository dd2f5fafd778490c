"""Milesight VS132, VS133 and VS135: people counted by time of flight.

Blocks as in `decoders.milesight.tlv`; `n` is a counting line, 1 to 4:

    03, 06, 09, 0c  d2  in u32, since the start       11, 14, 17, 1a  d2  the same, children only
    04, 07, 0a, 0d  d2  out u32, since the start      12, 15, 18, 1b  d2
    05, 08, 0b, 0e  cc  in u16, out u16, last period  13, 16, 19, 1c  cc
    0f e3  people in regions 1 to 4, u8[4]            1d e3  children
    10 e4  region u8, dwell average u16, longest u16  1e e4  children
    50 fc  view blocked: 3 bytes                      20 ce  record: u32 Unix time, u8 channel, data

A record carries the channel of the block it repeats; dwell records hold one number: region u8, u16, with
channel 10 (average) or 20 (longest), for children 1e and 3c. Adults and children together are channel "n",
children alone "n.children", of which the totals are part.

Source: SensorDecoders, vs-series/vs132, vs133 and vs135, README.md and decoder.
"""

from collections.abc import Callable
from datetime import datetime

from decoders.collector import Collector
from decoders.frame import Decoded, DecodeError, Decoder, Frame, Reason
from decoders.milesight.tlv import SETTINGS, Key, Table, decode_blocks, told
from decoders.reader import Reader
from decoders.times import from_unix

LINES, REGIONS = range(1, 5), range(1, 5)
GROUPS = ((0x03, ""), (0x11, ".children"))

Dated = Callable[[Reader, Collector, datetime | None], None]


def _total(quantity: str, channel: str) -> Dated:
    def block(reader: Reader, out: Collector, at: datetime | None) -> None:
        out.add(quantity, reader.u32le(), channel, at)

    return block


def _period(channel: str) -> Dated:
    def block(reader: Reader, out: Collector, at: datetime | None) -> None:
        out.add("people_in", reader.u16le(), channel, at)
        out.add("people_out", reader.u16le(), channel, at)

    return block


def _regions(suffix: str) -> Dated:
    def block(reader: Reader, out: Collector, at: datetime | None) -> None:
        for region, people in zip(REGIONS, reader.take(4), strict=True):
            out.add("people_present", people, f"region{region}{suffix}", at)

    return block


def _dwell(suffix: str, *quantities: str) -> Dated:
    def block(reader: Reader, out: Collector, at: datetime | None) -> None:
        region = reader.u8()
        for quantity in quantities:
            out.add(quantity, reader.u16le(), f"region{region}{suffix}", at)

    return block


def _dated_blocks() -> dict[Key, Dated]:
    blocks: dict[Key, Dated] = {}
    for first, suffix in GROUPS:
        for line in LINES:
            channel = first + 3 * (line - 1)
            blocks[channel, 0xD2] = _total("people_in_total", f"{line}{suffix}")
            blocks[channel + 1, 0xD2] = _total("people_out_total", f"{line}{suffix}")
            blocks[channel + 2, 0xCC] = _period(f"{line}{suffix}")
        blocks[first + 12, 0xE3] = _regions(suffix)
    return blocks


DATED = _dated_blocks()
DWELL: dict[Key, Dated] = {
    (0x10, 0xE4): _dwell("", "dwell_time_avg", "dwell_time_max"),
    (0x1E, 0xE4): _dwell(".children", "dwell_time_avg", "dwell_time_max"),
}
RECORDS: dict[int, Dated] = {
    **{channel: block for (channel, _), block in DATED.items()},
    0x10: _dwell("", "dwell_time_avg"),
    0x20: _dwell("", "dwell_time_max"),
    0x1E: _dwell(".children", "dwell_time_avg"),
    0x3C: _dwell(".children", "dwell_time_max"),
}


def _live(block: Dated) -> Callable[[Reader, Collector], None]:
    return lambda reader, out: block(reader, out, None)


def _record(reader: Reader, out: Collector) -> None:
    at, channel = from_unix(reader.u32le()), reader.u8()
    block = RECORDS.get(channel)
    if block is None:
        raise DecodeError(
            Reason.UNKNOWN_TYPE, f"record of unknown channel 0x{channel:02x} at offset {reader.offset - 1}"
        )
    block(reader, out, at)


TABLE: Table = {
    **{key: _live(block) for key, block in {**DATED, **DWELL}.items()},
    (0x20, 0xCE): _record,
    (0x50, 0xFC): told("view_blocked", 3),
}

OWN_SETTINGS = {
    **SETTINGS,
    0x04: ("confirmed_uplinks", 1),
    0x40: ("adr", 1),
    0x42: ("wifi", 1),
    0x43: ("periodic_report", 1),
    0x44: ("trigger_report", 1),
    0x51: ("clear_totals", 1),
}

ANSWERS = {
    0x84: ("time_sync", 3),
    0x85: ("rejoin", 2),
    0x86: ("data_rate", 1),
    0x87: ("tx_power", 1),
    0x88: ("log_levels", 2),
}


def decode(frame: Frame) -> Decoded:
    """Decode a frame of a VS132, VS133 or VS135."""
    return decode_blocks(frame, TABLE, OWN_SETTINGS, ANSWERS)


DECODER = Decoder(
    model="milesight/vs13x",
    version="1",
    vendor="Milesight",
    name="VS132/VS133/VS135 people counter",
    themes=("recycling_centre",),
    quantities=frozenset(
        {
            "dwell_time_avg",
            "dwell_time_max",
            "people_in",
            "people_in_total",
            "people_out",
            "people_out_total",
            "people_present",
        }
    ),
    document="Milesight SensorDecoders, vs-series README.md",
    decode=decode,
)
