"""Between devices and gateways: when who sends, who hears it, and what becomes of it. Moments are microseconds."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import replace

from simulator.encoders.truth import Payload
from simulator.faults.plan import Plan
from simulator.faults.trouble import Trouble
from simulator.gateways.actions import Action, Arrival, Boot, Happened, Landing, Late, Report, Wake
from simulator.gateways.airlog import Heard
from simulator.gateways.field import Field
from simulator.gateways.gateway import OnAir, VirtualGateway
from simulator.gateways.inventory import app_key_of, join_eui_of
from simulator.gateways.messages import Copy
from simulator.gateways.rows import is_current, message_of, row_of
from simulator.gateways.troubles import LONGEST_HOLD, add, mark, told
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
_SOON = 20 * SECOND  # after a start a device reports, if it has joined by then
_TOLD = 3  # payloads remembered of a device: one on air, one that waits, one just read


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
        plan: Plan | None = None,
    ) -> None:
        self.lost = 0
        self._faults = scenario.faults
        self._gateways = gateways
        self._heap: list[tuple[int, int, Action]] = []
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
            self._push(station.report_after(first), Report(one))
            if plan is not None:
                station.trouble = Trouble(plan, each)
                for at, how in station.trouble.boots():
                    if at > first:
                        self._push(at, Boot(one, how == "join"))

    @property
    def next_at(self) -> int:
        """When something happens next."""
        return self._heap[0][0]

    def _push(self, at: int, action: Action) -> None:
        self._turn += 1
        heapq.heappush(self._heap, (at, self._turn, action))

    def _push_wake(self, one: Field) -> None:
        if one.device.wake_at is not None:
            self._push(one.device.wake_at, Wake(one))

    def send(self, down: OnAir) -> None:
        """A gateway will send this."""
        self._push(down.start, down)

    def step(self, now: int, happened: Happened) -> None:
        """Lets the next thing happen; `now` is the clock, never before the moment it was due."""
        at, _, action = heapq.heappop(self._heap)
        if isinstance(action, OnAir):
            self._begin(action)
            return
        if isinstance(action, Late):
            self._release(action, happened)
            return
        one = action.field
        device = one.device
        draws = Draws(one.station.device.seed, at)
        speechless = one.station.trouble is not None and one.station.trouble.speechless(now)
        if isinstance(action, Report):
            if device.joined and not speechless:
                one.reported = one.read_at or None
                payload = self._read(one, now)
                times = 2 if one.told[-1].has("retransmitted") else 1
                device.submit(payload, now, confirmed=one.confirmed, times=times)
            if not action.once:
                self._push(one.station.report_after(max(at, now - one.station.interval)), action)
        elif isinstance(action, Boot):
            self._boot(one, now, joins=action.joins, happened=happened)
        elif isinstance(action, Wake):
            if device.wake_at != at:
                return  # it was put off, or done already
            if speechless:
                device.hush()
                if not device.joined:
                    device.power_on(now + _SOON)
                    self._push_wake(one)
                return
            if device.waits and one.by_minute and now % _MINUTE > _MINUTE - _AWAY:
                device.wake_at = now - now % _MINUTE + _MINUTE + SECOND
                self._push_wake(one)
                return
            if device.waits and now - one.read_at > SECOND:
                device.refresh(self._read(one, now))  # its sub-bands had to rest
            sent = device.wake(now, draws)
            happened.changed[device.dev_eui] = device.state
            if sent is not None:
                self._push(sent.end, Landing(one, sent))
        elif isinstance(action, Landing):
            self._land(one, action.sent, draws, happened)
            return
        else:
            self._hear(one, action.down, draws, happened)
        self._push_wake(one)

    def _read(self, one: Field, now: int) -> Payload:
        since = one.station.interval if one.reported is None else now - one.reported
        one.read_at = now
        one.told = (*one.told[1 - _TOLD :], told(one.station.trouble, one.station.device, now, since))
        return one.told[-1].payload

    def _boot(self, one: Field, now: int, *, joins: bool, happened: Happened) -> None:
        if one.station.trouble is not None and one.station.trouble.speechless(now):
            return
        one.refused = 0 if joins else one.next_heard
        if joins:
            one.device.restart(now)
            self._push(now + _SOON, Report(one, once=True))
        else:
            one.device.forget_counter()
        happened.changed[one.device.dev_eui] = one.device.state

    def _release(self, late: Late, happened: Happened) -> None:
        if late.held is not None:
            if late.field.late is not late:
                return  # a younger frame of the device took it along
            late.field.late = None
        happened.take(late)

    def drain(self, happened: Happened) -> None:
        """What gateways still hold back; for a clean stop."""
        for one in self.fields:
            if one.late is not None:
                self._release(one.late, happened)

    def _land(self, one: Field, sent: Transmission, draws: Draws, happened: Happened) -> None:
        """The last symbol is sent: every gateway that heard the frame has it."""
        if sent.attempt > 1 and sent.f_cnt is not None and not is_current(one, sent):
            return  # a younger frame was sent, or the counter fell, before it is played back
        receptions = one.station.radio.receptions(draws)
        if one.station.trouble is not None:
            receptions = one.station.trouble.heard(receptions, sent.end)
        spread = spreading_factor(sent.data_rate)
        self.lost += not receptions
        message, before = None, one.known(sent.f_cnt)
        if receptions and sent.f_cnt is not None and sent.f_cnt >= one.refused:
            message, one.next_heard = before or message_of(one, sent, len(receptions)), sent.f_cnt + 1
        row = row_of(one, sent, len(receptions))
        if one.late is not None:
            self._release(one.late, happened)
        if receptions:
            one.reach = frozenset(reception.gateway for reception in receptions)
            one.snr = max(reception.snr for reception in receptions)
        copies = tuple(
            (self._gateways[r.gateway].receive(sent.phy, sent.frequency, spread, r, sent.end, draws), message)
            for r in receptions
        )
        # A frame's row says what befell it from the first time it is heard, which may be a later attempt.
        hold = 0 if message is None or before is not None else self._trouble(one, sent, message, copies, draws)
        if hold:
            one.late = Late(one, copies, (row, message))
            self._push(sent.end + hold, one.late)
        else:
            happened.take(Late(one, copies, (row, message)))

    def _trouble(
        self,
        one: Field,
        sent: Transmission,
        message: Message,
        copies: tuple[tuple[Copy, Message | None], ...],
        draws: Draws,
    ) -> int:
        """What befalls a frame between gateways and server; how long it is held back."""
        what = next((each for each in one.told if each.payload is sent.payload), None)
        if what is not None:
            mark(message, what, one.station.trouble, sent.end)
            if what.has("repeated"):  # somebody plays it back
                later = 2 * SECOND + draws.below(18 * SECOND)
                self._push(sent.end + later, Landing(one, replace(sent, start=sent.start + later, attempt=2)))
        hold = 0
        if draws.unit() < self._faults.disorder_rate:
            add(message, "disorder")
            hold = 5 * SECOND + draws.below(15 * SECOND)
        if draws.unit() < self._faults.duplicate_rate:
            add(message, "duplicate")
            self._push(sent.end + hold + SECOND + draws.below(3 * SECOND), Late(one, copies[:1]))
        if what is not None and what.has("delayed"):
            hold = min(LONGEST_HOLD, next(h.by for h in what.struck if h.fault == "delayed"))
        return hold

    def _begin(self, down: OnAir) -> None:
        """A gateway begins to send: whoever listens there and then, and is near enough, hears it out."""
        for one in self.fields:
            device = one.device
            if down.gateway in one.reach and device.listens(down.frequency, down.spreading_factor, down.start):
                device.begins(down.end)
                self._push(down.end, Arrival(one, down))

    def _hear(self, one: Field, down: OnAir, draws: Draws, happened: Happened) -> None:
        if draws.unit() < self._faults.loss_rate:
            return
        device, station = one.device, one.station
        left = station.device.battery(down.end / SECOND)
        if station.trouble is not None:
            left = station.trouble.left(down.end, left)
        battery = min(254, max(1, round(254 * left)))
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
            one.message, one.next_heard, one.refused = None, 0, 0
