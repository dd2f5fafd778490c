"""Between devices and gateways: when who sends, who hears it, and what becomes of it. Moments are microseconds."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass, field

from simulator.encoders.truth import Payload
from simulator.gateways.airlog import Heard, Sent
from simulator.gateways.field import Field
from simulator.gateways.gateway import OnAir, VirtualGateway
from simulator.gateways.inventory import app_key_of, join_eui_of
from simulator.gateways.messages import Copy
from simulator.lorawan.channels import spreading_factor
from simulator.lorawan.device import EndDevice
from simulator.lorawan.frames import Downlink
from simulator.lorawan.state import DeviceState
from simulator.lorawan.transmission import Transmission
from simulator.message import Message
from simulator.noise import Draws, unit
from simulator.scenario.model import Scenario
from simulator.sensors import Device
from simulator.station import SECOND, Session, Station

_MINUTE = 60 * SECOND
_AWAY = 4 * SECOND  # longer than any frame is on air
_POWER_ON_WITHIN = 60 * SECOND  # the devices of a scenario are switched on within a minute


@dataclass(frozen=True, slots=True)
class _Report:
    field: Field


@dataclass(frozen=True, slots=True)
class _Wake:
    field: Field


@dataclass(frozen=True, slots=True)
class _Landing:
    field: Field
    sent: Transmission


@dataclass(frozen=True, slots=True)
class _Arrival:
    field: Field
    down: OnAir


_Action = _Report | _Wake | _Landing | _Arrival | OnAir


@dataclass(slots=True)
class Happened:
    """What one step brought: copies to publish (with the row of the manifest they belong to) and rows of the log."""

    copies: list[tuple[Copy, Message | None]] = field(default_factory=list[tuple[Copy, Message | None]])
    sent: list[tuple[Sent, Message | None]] = field(default_factory=list[tuple[Sent, Message | None]])
    heard: list[Heard] = field(default_factory=list[Heard])
    changed: dict[str, DeviceState] = field(default_factory=dict[str, DeviceState])


class Air:
    """Everything between the devices of a scenario and its gateways."""

    def __init__(
        self,
        scenario: Scenario,
        devices: list[Device],
        states: Mapping[str, DeviceState],
        gateways: list[VirtualGateway],
        seed: int,
        start: int,
        *,
        divisor: float,
        confirmed: float,
    ) -> None:
        self.lost = 0
        self._loss_rate = scenario.faults.loss_rate
        self._gateways = gateways
        self._heap: list[tuple[int, int, _Action]] = []
        self._turn = 0
        self.fields: list[Field] = []
        join_eui = join_eui_of(scenario.scenario)
        for each in devices:
            station = Station(scenario, each, Session(), divisor)
            key = app_key_of(scenario.scenario, seed, each.dev_eui)
            state = states.get(each.dev_eui) or DeviceState()
            device = EndDevice(each.dev_eui, join_eui, key, station.radio.dr, state)
            wants = unit(each.seed, 11) < confirmed
            one = Field(station, device, confirmed=wants)
            self.fields.append(one)
            first = max(start, int(each.point.device.installed_at.timestamp() * SECOND))
            device.power_on(first + int(_POWER_ON_WITHIN / divisor * unit(each.seed, 5)))
            self._push_wake(one)
            self._push(station.report_after(first), _Report(one))

    @property
    def next_at(self) -> int:
        """When something happens next."""
        return self._heap[0][0]

    def _push(self, at: int, action: _Action) -> None:
        self._turn += 1
        heapq.heappush(self._heap, (at, self._turn, action))

    def _push_wake(self, one: Field) -> None:
        if one.device.wake_at is not None:
            self._push(one.device.wake_at, _Wake(one))

    def send(self, down: OnAir) -> None:
        """A gateway will send this."""
        self._push(down.start, down)

    def step(self, now: int, happened: Happened) -> None:
        """Lets the next thing happen; `now` is the clock, never before the moment it was due."""
        at, _, action = heapq.heappop(self._heap)
        if isinstance(action, OnAir):
            self._begin(action)
            return
        one = action.field
        device = one.device
        draws = Draws(one.station.device.seed, at)
        if isinstance(action, _Report):
            if device.joined:
                one.reported = one.read_at or None
                device.submit(self._read(one, now), now, confirmed=one.confirmed)
            self._push(one.station.report_after(max(at, now - one.station.interval)), action)
        elif isinstance(action, _Wake):
            if device.wake_at != at:
                return  # it was put off, or done already
            if device.waits and one.by_minute and now % _MINUTE > _MINUTE - _AWAY:
                device.wake_at = now - now % _MINUTE + _MINUTE + SECOND
                self._push_wake(one)
                return
            if device.waits and now - one.read_at > SECOND:
                device.refresh(self._read(one, now))  # its sub-bands had to rest
            sent = device.wake(now, draws)
            happened.changed[device.dev_eui] = device.state
            if sent is not None:
                self._push(sent.end, _Landing(one, sent))
        elif isinstance(action, _Landing):
            self._land(one, action.sent, draws, happened)
            return
        else:
            self._hear(one, action.down, draws, happened)
        self._push_wake(one)

    def _read(self, one: Field, now: int) -> Payload:
        since = one.station.interval if one.reported is None else now - one.reported
        one.read_at = now
        return one.station.device.sample(now / SECOND, since / SECOND)

    def _land(self, one: Field, sent: Transmission, draws: Draws, happened: Happened) -> None:
        """The last symbol is sent: every gateway that heard the frame has it."""
        receptions = one.station.radio.receptions(draws)
        spread = spreading_factor(sent.data_rate)
        self.lost += not receptions
        message = self._message(one, sent, len(receptions)) if receptions and sent.f_cnt is not None else None
        address = None if sent.dev_addr is None else f"{sent.dev_addr:08x}"
        kind = "join" if sent.f_cnt is None else "data"
        row = Sent(
            None,
            one.device.dev_eui,
            kind,
            address,
            sent.f_cnt,
            sent.attempt,
            sent.end,
            sent.frequency,
            spread,
            sent.airtime,
            len(receptions),
            sent.phy,
        )
        happened.sent.append((row, message))
        if not receptions:
            return
        one.reach = frozenset(reception.gateway for reception in receptions)
        one.snr = max(reception.snr for reception in receptions)
        for reception in receptions:
            gateway = self._gateways[reception.gateway]
            copy = gateway.receive(sent.phy, sent.frequency, spread, reception, sent.end, draws)
            happened.copies.append((copy, message))

    def _message(self, one: Field, sent: Transmission, gateways: int) -> Message:
        """The frame's row in the manifest: one, however often it is sent."""
        if one.message is not None and one.message[0] == sent.f_cnt:
            return one.message[1]
        message = Message(
            topic=one.station.identity.topic("up"),
            event="up",
            dev_eui=one.device.dev_eui,
            deduplication_id=None,
            body=sent.phy,
            time=sent.end,
            dev_addr=f"{sent.dev_addr:08x}",
            declared=one.station.device.point.device.declared,
            f_cnt=sent.f_cnt,
            f_port=sent.f_port or 0,
            payload=b"" if sent.payload is None else sent.payload.data,
            gateways=gateways,
            truths=() if sent.payload is None else sent.payload.truths,
            shown=() if sent.payload is None else sent.payload.shown,
        )
        one.message = (sent.f_cnt or 0, message)
        return message

    def _begin(self, down: OnAir) -> None:
        """A gateway begins to send: whoever listens there and then, and is near enough, hears it out."""
        for one in self.fields:
            device = one.device
            if down.gateway in one.reach and device.listens(down.frequency, down.spreading_factor, down.start):
                device.begins(down.end)
                self._push(down.end, _Arrival(one, down))

    def _hear(self, one: Field, down: OnAir, draws: Draws, happened: Happened) -> None:
        if draws.unit() < self._loss_rate:
            return
        device, station = one.device, one.station
        battery = min(254, max(1, round(254 * station.device.battery(down.end / SECOND))))
        heard = device.heard(down.phy, down.end, battery, round(one.snr), draws)
        if heard is None:
            return
        happened.changed[device.dev_eui] = device.state
        gateway = self._gateways[down.gateway].spec.id
        if isinstance(heard, Downlink):
            session = device.state.session
            address = f"{session.dev_addr:08x}" if session else ""
            port = heard.f_port
            row = (heard.f_cnt, port, heard.data, heard.f_opts, heard.confirmed, heard.ack)
            happened.heard.append(Heard(device.dev_eui, "data", address, *row, down.end, gateway))
        else:
            address = f"{heard.dev_addr:08x}"
            row = (None, None, None, None, False, False)
            happened.heard.append(Heard(device.dev_eui, "join", address, *row, down.end, gateway))
            one.message = None
