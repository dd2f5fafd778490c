"""A virtual gateway: what it counts, and whether it can send what the network server orders.

The rules for sending are those of Semtech's packet forwarder (`jitqueue.c`): a frame must reach the concentrator some
30 ms before it is on air, not more than a few minutes ahead, and must not overlap another.
"""

from __future__ import annotations

from dataclasses import dataclass

from simulator.gateways.messages import Copy, Counts, Item, Order
from simulator.lorawan.airtime import HourlyBudget, airtime, sub_band
from simulator.noise import Draws
from simulator.radio import FREQUENCIES, Reception
from simulator.scenario.model import GatewaySpec

_START_DELAY, _MARGIN, _JIT_DELAY = 1_500, 1_000, 30_000  # TX_START_DELAY, TX_MARGIN_DELAY, TX_JIT_DELAY
_MAX_ADVANCE = 4 * 128_000_000  # TX_MAX_ADVANCE_DELAY
_QUEUE = 32  # JIT_QUEUE_MAX
_MAX_POWER = 29  # dBm EIRP, what 869.4 to 869.65 MHz allows
_COUNTER = 1 << 32  # the concentrator counts microseconds in 32 bits


@dataclass(frozen=True, slots=True)
class OnAir:
    """A downlink that a gateway will send."""

    gateway: int
    phy: bytes
    frequency: int
    spreading_factor: int
    start: int
    end: int


class VirtualGateway:
    """One gateway; `index` is its place in the scenario."""

    def __init__(self, index: int, spec: GatewaySpec, boot: int) -> None:
        self.index = index
        self.spec = spec
        self._boot = boot
        self._scheduled: list[OnAir] = []
        self._budget = HourlyBudget()
        self._counts = Counts({}, 0, {}, {})

    def receive(self, phy: bytes, frequency: int, spread: int, reception: Reception, at: int, draws: Draws) -> Copy:
        """This gateway's copy of an uplink whose last symbol came at `at`."""
        received = self._counts.received
        received[frequency] = received.get(frequency, 0) + 1
        channel = FREQUENCIES.index(frequency) if frequency in FREQUENCIES else 8
        context = ((at - self._boot) % _COUNTER).to_bytes(4, "big")
        uplink_id = draws.bits() & 0xFFFFFFFF
        return Copy(self.spec, phy, frequency, spread, reception.rssi, reception.snr, channel, uplink_id, context, at)

    def obey(self, order: Order, now: int) -> tuple[list[str], OnAir | None]:
        """The status of each item, and what will be sent: the first item that can be. Later ones are ignored."""
        self._counts.orders += 1
        self._scheduled = [each for each in self._scheduled if each.end > now]
        statuses: list[str] = []
        sending: OnAir | None = None
        for item in order.items:
            if sending is not None:
                statuses.append("IGNORED")
                continue
            status, sending = self._try(item, now)
            statuses.append(status)
        for status in statuses:
            self._counts.statuses[status] = self._counts.statuses.get(status, 0) + 1
        if sending is not None:
            self._scheduled.append(sending)
            emitted = self._counts.emitted
            emitted[sending.frequency] = emitted.get(sending.frequency, 0) + 1
        return statuses, sending

    def _try(self, item: Item, now: int) -> tuple[str, OnAir | None]:
        if item.delay == -1:
            return "GPS_UNLOCKED", None
        if item.spreading_factor not in range(7, 13) or item.bandwidth not in {125_000, 250_000}:
            return "INTERNAL_ERROR", None
        if sub_band(item.frequency) is None:
            return "TX_FREQ", None
        if item.power > _MAX_POWER:
            return "TX_POWER", None
        duration = airtime(len(item.phy), item.spreading_factor, item.bandwidth, crc=False)
        earliest = now + _START_DELAY + _MARGIN + _JIT_DELAY
        start = earliest if item.delay is None else self._moment(item.context, now) + item.delay
        sending = OnAir(self.index, item.phy, item.frequency, item.spreading_factor, start, start + duration)
        if start < earliest:
            return "TOO_LATE", None
        if start > now + _MAX_ADVANCE:
            return "TOO_EARLY", None
        if len(self._scheduled) >= _QUEUE:
            return "QUEUE_FULL", None
        if any(sending.start < each.end + _MARGIN and each.start < sending.end + _MARGIN for each in self._scheduled):
            return "COLLISION_PACKET", None
        if not self._budget.take(item.frequency, start, duration):
            return "DUTY_CYCLE_OVERFLOW", None
        return "OK", sending

    def _moment(self, context: bytes, now: int) -> int:
        """When the concentrator's counter had this value, taking it for the nearest such moment."""
        counter = int.from_bytes(context[-4:], "big")
        ahead = (counter - (now - self._boot)) % _COUNTER
        return now + (ahead - _COUNTER if ahead > _COUNTER // 2 else ahead)

    def count(self) -> Counts:
        """What was counted since the last time."""
        counts, self._counts = self._counts, Counts({}, 0, {}, {})
        return counts
