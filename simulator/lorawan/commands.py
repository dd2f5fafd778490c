"""MAC commands of the network and the device's answers (section 5). ADR is off: data rate and power stay the device's.

Each answer goes out with the next uplink; those of RXParamSetup, RXTimingSetup and DlChannel in every uplink until a
downlink was heard (5.4, 5.6, 5.7), because the network must know before it may use the new windows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from simulator.lorawan.channels import (
    DEFAULT_CHANNELS,
    HIGHEST_DATA_RATE,
    SLOTS,
    Channel,
    ChannelPlan,
    apply_mask,
    is_frequency,
    mask_of,
)

LINK_CHECK, LINK_ADR, DUTY_CYCLE, RX_PARAM_SETUP, DEV_STATUS = 0x02, 0x03, 0x04, 0x05, 0x06
NEW_CHANNEL, RX_TIMING_SETUP, TX_PARAM_SETUP, DL_CHANNEL, DEVICE_TIME = 0x07, 0x08, 0x09, 0x0A, 0x0D
# Bytes after the command identifier, network to device.
_LENGTH = {
    LINK_CHECK: 2,
    LINK_ADR: 4,
    DUTY_CYCLE: 1,
    RX_PARAM_SETUP: 4,
    DEV_STATUS: 0,
    NEW_CHANNEL: 5,
    RX_TIMING_SETUP: 1,
    TX_PARAM_SETUP: 1,
    DL_CHANNEL: 4,
    DEVICE_TIME: 5,
}
_STICKY = {RX_PARAM_SETUP, RX_TIMING_SETUP, DL_CHANNEL}
_KEEP = 0x0F  # "keep what you have" of DataRate and TXPower, 1.0.4


@dataclass(frozen=True, slots=True)
class Condition:
    """What a device says of itself: data rate, battery (0 external, 1 to 254, 255 unknown), margin in dB (-32..31)."""

    data_rate: int
    battery: int
    margin: int


@dataclass(slots=True)
class Mac:
    """What MAC commands set beyond the channel plan, and the answers that are due."""

    plan: ChannelPlan = field(default_factory=ChannelPlan)
    nb_trans: int = 1
    max_duty_cycle: int = 0
    answers: list[bytes] = field(default_factory=list[bytes])

    def answered(self) -> None:
        """An uplink has carried the answers; the sticky ones stay."""
        self.answers = [answer for answer in self.answers if answer[0] in _STICKY]

    def heard(self) -> None:
        """A downlink was heard, so the network has had the sticky answers that were sent before it."""
        self.answers = [answer for answer in self.answers if answer[0] not in _STICKY]

    def execute(self, commands: bytes, condition: Condition) -> None:
        """Carries out what the network asks and notes the answers, in the order of the commands."""
        block: list[bytes] = []
        for identifier, body in split(commands):
            if identifier == LINK_ADR:
                block.append(body)
                continue
            self._link_adr(block, condition)
            block = []
            self._one(identifier, body, condition)
        self._link_adr(block, condition)

    def _one(self, identifier: int, body: bytes, condition: Condition) -> None:
        if identifier == DEV_STATUS:
            margin = min(31, max(-32, condition.margin)) & 0x3F
            self.answers.append(bytes((DEV_STATUS, condition.battery, margin)))
        elif identifier == DUTY_CYCLE:
            self.max_duty_cycle = body[0] & 0x0F
            self.answers.append(bytes((DUTY_CYCLE,)))
        elif identifier == RX_TIMING_SETUP:
            self.plan.rx_delay = (body[0] & 0x0F) or 1
            self.answers.append(bytes((RX_TIMING_SETUP,)))
        else:
            status = _STATUS.get(identifier)
            if status is not None:
                self.answers.append(bytes((identifier, status(self.plan, body))))

    def _link_adr(self, block: list[bytes], condition: Condition) -> None:
        """5.2: requests in a row are one; each gets the same answer, and nothing changes unless all of it can."""
        if not block:
            return
        mask: int | None = sum(1 << index for index, channel in self.plan.channels.items() if channel.enabled)
        for body in block:
            if mask is not None:
                mask = mask_of(self.plan, body[3] >> 4 & 7, int.from_bytes(body[1:3], "little"))
        data_rate, power = block[-1][0] >> 4, block[-1][0] & 0x0F
        # Without ADR a device keeps its data rate and its power (index 0, 16 dBm EIRP); others are refused.
        channel_ok, rate_ok, power_ok = mask is not None, data_rate in {_KEEP, condition.data_rate}, power in {_KEEP, 0}
        if mask is not None and rate_ok and power_ok:
            apply_mask(self.plan, mask)
            self.nb_trans = (block[-1][3] & 0x0F) or self.nb_trans  # 1.0.4: 0 keeps it
        status = channel_ok | rate_ok << 1 | power_ok << 2
        self.answers.extend(bytes((LINK_ADR, status)) for _ in block)


def split(commands: bytes) -> Iterator[tuple[int, bytes]]:
    """Identifier and body of each command; an unknown one ends the list, for its length is unknown (5)."""
    at = 0
    while at < len(commands):
        length = _LENGTH.get(commands[at])
        if length is None or at + 1 + length > len(commands):
            return
        yield commands[at], commands[at + 1 : at + 1 + length]
        at += 1 + length


def _hertz(three: bytes) -> int:
    return int.from_bytes(three, "little") * 100


def _rx_param_setup(plan: ChannelPlan, body: bytes) -> int:
    """5.4: bits of the answer: channel, RX2 data rate, RX1 offset."""
    offset, rx2_dr, frequency = body[0] >> 4 & 7, body[0] & 0x0F, _hertz(body[1:4])
    status = is_frequency(frequency) | (rx2_dr <= HIGHEST_DATA_RATE) << 1 | (offset <= 5) << 2
    if status == 0b111:
        plan.rx1_dr_offset, plan.rx2_dr, plan.rx2_frequency = offset, rx2_dr, frequency
    return status


def _new_channel(plan: ChannelPlan, body: bytes) -> int:
    """5.6: bits of the answer: frequency, data rates. The three default channels cannot be changed."""
    index, frequency, low, high = body[0], _hertz(body[1:4]), body[4] & 0x0F, body[4] >> 4
    changeable = len(DEFAULT_CHANNELS) <= index < SLOTS
    status = (changeable and (frequency == 0 or is_frequency(frequency))) | (low <= high <= HIGHEST_DATA_RATE) << 1
    if status == 0b11:
        if frequency:
            plan.channels[index] = Channel(frequency, frequency, low, high)
        else:
            plan.channels.pop(index, None)
    return status


def _dl_channel(plan: ChannelPlan, body: bytes) -> int:
    """5.6: bits of the answer: frequency, the uplink channel is there."""
    channel, frequency = plan.channels.get(body[0]), _hertz(body[1:4])
    if channel is not None and is_frequency(frequency):
        channel.downlink = frequency
    return is_frequency(frequency) | (channel is not None) << 1


_STATUS: dict[int, Callable[[ChannelPlan, bytes], int]] = {
    RX_PARAM_SETUP: _rx_param_setup,
    NEW_CHANNEL: _new_channel,
    DL_CHANNEL: _dl_channel,
}
