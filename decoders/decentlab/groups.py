"""Decentlab's protocol 2, shared by all their models.

    02  device u16  flags u16  then, for every flag that is set, lowest bit first, the 16-bit words of
    that group of sensors. Everything is big-endian. The battery is the last group.

Signed values are sent with an offset of 32768; 32-bit values as two words, the low one first.

Source: decentlab-decoders (MIT), one table per model, and the datasheets.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from decoders.collector import Collector
from decoders.frame import Decoded, DecodeError, Frame, Reason
from decoders.reader import Reader

PROTOCOL = 2
OFFSET = 32768


@dataclass(frozen=True, slots=True)
class Group:
    """Sensors that come and go together: how many words they take and what those mean."""

    words: int
    read: Callable[[Sequence[int], Collector], None]


def decode_groups(frame: Frame, groups: Sequence[Group]) -> Decoded:
    """Read the header and every group that is flagged; `groups` follow the bits from the lowest."""
    reader, out = Reader(frame.payload), Collector()
    protocol = reader.u8()
    if protocol != PROTOCOL:
        raise DecodeError(Reason.UNSUPPORTED_VERSION, f"protocol {protocol}, only {PROTOCOL} is known")
    device, flags = reader.u16be(), reader.u16be()
    if flags >> len(groups):
        raise DecodeError(
            Reason.UNKNOWN_TYPE, f"flags 0x{flags:04x} name a group beyond the {len(groups)} of this model"
        )
    out.info["device_id"] = device
    for bit, group in enumerate(groups):
        if flags >> bit & 1:
            group.read([reader.u16be() for _ in range(group.words)], out)
    if reader.remaining:
        out.warn(f"{reader.remaining} bytes after the last group were left out")
    return out.done()


def long_word(words: Sequence[int], at: int) -> int:
    """The unsigned 32-bit value of two words, low word first."""
    return words[at] + words[at + 1] * 65536


def _battery(words: Sequence[int], out: Collector) -> None:
    out.add("battery_voltage", words[0] / 1000)


BATTERY = Group(1, _battery)
