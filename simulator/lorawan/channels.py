"""The channel plan EU868 (RP002, EU863-870) of one device: what it may send on, and where it listens."""

from __future__ import annotations

from dataclasses import dataclass, field

DEFAULT_CHANNELS = (868_100_000, 868_300_000, 868_500_000)
RX2_FREQUENCY = 869_525_000
RX2_DATA_RATE = 0
SLOTS = 16
_LOWEST, _HIGHEST = 863_000_000, 870_000_000
# DR0 to DR5 are LoRa at 125 kHz, SF12 to SF7; DR6 (SF7 at 250 kHz) and DR7 (FSK) are not built into these devices.
HIGHEST_DATA_RATE = 5
# RP002, Maximum Payload Size: application bytes (N) without FOpts, for devices that may be heard through a repeater.
MAX_PAYLOAD = (51, 51, 51, 115, 222, 222)


def spreading_factor(data_rate: int) -> int:
    """Of DR0 to DR5, all at 125 kHz."""
    return 12 - data_rate


@dataclass(slots=True)
class Channel:
    """A channel: where to send, and where RX1 is (DlChannelReq may move it). Hz and data rates."""

    frequency: int
    downlink: int
    min_dr: int = 0
    max_dr: int = HIGHEST_DATA_RATE
    enabled: bool = True


def _defaults() -> dict[int, Channel]:
    return {index: Channel(frequency, frequency) for index, frequency in enumerate(DEFAULT_CHANNELS)}


@dataclass(slots=True)
class ChannelPlan:
    """What a device knows of the plan. `channels` by index; RX parameters as JoinAccept or MAC commands set them."""

    channels: dict[int, Channel] = field(default_factory=_defaults)
    rx1_dr_offset: int = 0
    rx2_dr: int = RX2_DATA_RATE
    rx2_frequency: int = RX2_FREQUENCY
    rx_delay: int = 1

    def usable(self, data_rate: int) -> list[Channel]:
        """Channels on which that data rate may be sent."""
        return [c for c in self.channels.values() if c.enabled and c.min_dr <= data_rate <= c.max_dr]

    def rx1_dr(self, data_rate: int) -> int:
        """RP002, Receive windows: the uplink's data rate less the offset, not below DR0."""
        return max(0, data_rate - self.rx1_dr_offset)

    def apply_c_f_list(self, frequencies: tuple[int, ...]) -> None:
        """RP002, Join-Accept CFList: channels 3 to 7; 0 leaves a channel out."""
        for index, frequency in enumerate(frequencies, len(DEFAULT_CHANNELS)):
            if frequency and is_frequency(frequency):
                self.channels[index] = Channel(frequency, frequency)
            else:
                self.channels.pop(index, None)


def is_frequency(frequency: int) -> bool:
    """Whether a device for this region can be tuned to it."""
    return _LOWEST <= frequency <= _HIGHEST


def mask_of(plan: ChannelPlan, control: int, mask: int) -> int | None:
    """RP002, LinkADRReq command: the channels that ChMaskCntl and ChMask ask for, as bits; None: not to be had.

    0 applies the mask to channels 0 to 15, 6 switches on all that are defined; others are reserved.
    """
    defined = sum(1 << index for index in plan.channels)
    if control == 6:
        return defined
    if control != 0 or mask == 0 or mask & ~defined:
        return None
    return mask


def apply_mask(plan: ChannelPlan, mask: int) -> None:
    """Switches channels on and off."""
    for index, channel in plan.channels.items():
        channel.enabled = bool(mask >> index & 1)
