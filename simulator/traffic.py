"""Who sends what and when: reports, joins and daily status of every device, heard or lost, as messages.

Times are microseconds since 1970. The moments of reports lie on a grid that depends on the seed alone,
so a run that stops and one that goes on later agree.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from simulator.encoders.truth import Truth
from simulator.events.model import Encoding, Gateway, Identity, Join, RxInfo, Status, Uplink, stable_uuid
from simulator.noise import Draws, mix, normal, unit
from simulator.radio import FREQUENCIES, Radio, Reception, Spot
from simulator.scenario.model import Scenario
from simulator.sensors import Device

SECOND = 1_000_000
_DAY = 86400 * SECOND
_DEDUPLICATION = 200_000  # ChirpStack collects the gateways' copies for 200 ms


@dataclass(slots=True)
class Session:
    """A device's LoRaWAN session; `f_cnt` is the counter of the next frame."""

    joins: int = 0
    dev_addr: str = ""
    f_cnt: int = 0


@dataclass(slots=True)
class Message:
    """One event to publish, with everything the manifest keeps. `id` is 0 until the manifest gives one."""

    topic: str
    event: str
    dev_eui: str
    deduplication_id: str
    body: bytes
    time: int
    dev_addr: str | None
    declared: bool
    f_cnt: int | None = None
    f_port: int | None = None
    payload: bytes | None = None
    gateways: int | None = None
    truths: tuple[Truth, ...] = ()
    fault: str | None = None
    id: int = 0


class _Station:
    """A device on air."""

    __slots__ = ("device", "identity", "interval", "last", "phase", "radio", "session")

    def __init__(self, device: Device, identity: Identity, radio: Radio, session: Session, divisor: float) -> None:
        self.device = device
        self.identity = identity
        self.radio = radio
        self.session = session
        self.interval = max(SECOND, int(device.point.device.interval * SECOND / divisor))
        self.phase = mix(device.seed, 1) % self.interval
        self.last: int | None = None

    def report_after(self, at: int) -> int:
        """The first report later than `at`."""
        n = (at - self.phase) // self.interval
        while True:
            moment = self.phase + n * self.interval + int(0.012 * self.interval * normal(self.device.seed ^ 3, n))
            if moment > at:
                return moment
            n += 1

    def status_after(self, at: int) -> int:
        """The first daily status later than `at`."""
        phase = mix(self.device.seed, 2) % _DAY
        return at + _DAY - (at - phase) % _DAY


@dataclass(frozen=True, slots=True)
class _Report:
    station: _Station


@dataclass(frozen=True, slots=True)
class _DailyStatus:
    station: _Station


@dataclass(frozen=True, slots=True)
class _JoinRequest:
    station: _Station


_Action = _Report | _DailyStatus | _JoinRequest | Message


class Traffic:
    """The messages of a scenario from a moment on, in the order they are published."""

    def __init__(
        self,
        scenario: Scenario,
        devices: list[Device],
        sessions: Mapping[str, Session],
        encoding: Encoding,
        seed: int,
        start: int,
        divisor: float = 1.0,
    ) -> None:
        self.now = start
        self.lost_on_air = 0
        self._faults = scenario.faults
        self._encoding = encoding
        self._seed = seed
        self._clocks = [gateway.clock for gateway in scenario.gateways]
        self._gateways = [Gateway(g.id, g.latitude, g.longitude, g.altitude) for g in scenario.gateways]
        self._heap: list[tuple[int, int, _Action]] = []
        self._turn = 0
        self.stations = [self._station(scenario, device, sessions, divisor) for device in devices]
        for station in self.stations:
            self._begin(station, start)

    def _station(self, scenario: Scenario, device: Device, sessions: Mapping[str, Session], divisor: float) -> _Station:
        spec = device.point.device
        spot = Spot(device.site.latitude, device.site.longitude, spec.building_loss)
        radio = Radio(spot, scenario.gateways, device.seed, scenario.faults.loss_rate)
        return _Station(device, identity_of(scenario, device), radio, sessions[device.dev_eui], divisor)

    def _begin(self, station: _Station, start: int) -> None:
        start = max(start, int(station.device.point.device.installed_at.timestamp() * SECOND))
        if not station.session.dev_addr:
            self._push(start + int(90 * SECOND * unit(station.device.seed, 5)), _JoinRequest(station))
            return
        self._push(station.report_after(start), _Report(station))
        self._push(station.status_after(start), _DailyStatus(station))

    def _push(self, at: int, action: _Action) -> None:
        self._turn += 1
        heapq.heappush(self._heap, (at, self._turn, action))

    @property
    def next_at(self) -> int:
        """When something happens next."""
        return self._heap[0][0]

    def step(self) -> Message | None:
        """Lets the next thing happen; a message when it is one to publish (again, when its `id` is set)."""
        at, _, action = heapq.heappop(self._heap)
        self.now = max(self.now, at)
        if isinstance(action, Message):
            return action
        station = action.station
        if isinstance(action, _Report):
            self._report(station, at)
            self._push(station.report_after(at), action)
        elif isinstance(action, _DailyStatus):
            self._status(station, at)
            self._push(station.status_after(at), action)
        else:
            self._join(station, at)
            self._push(station.report_after(at + 5 * SECOND), _Report(station))
            self._push(station.status_after(at + 5 * SECOND), _DailyStatus(station))
        return None

    def drain(self) -> Iterator[Message]:
        """What was heard and is still on its way to the broker; for a clean stop."""
        waiting = sorted(item for item in self._heap if isinstance(item[2], Message))
        self._heap = [item for item in self._heap if not isinstance(item[2], Message)]
        heapq.heapify(self._heap)
        for _, _, message in waiting:
            if isinstance(message, Message):
                yield message

    def _publish(self, at: int, message: Message, draws: Draws) -> None:
        at += _DEDUPLICATION + 20_000 + draws.below(80_000)
        faults: list[str] = []
        if draws.unit() < self._faults.disorder_rate:
            faults.append("disorder")
            at += 5 * SECOND + draws.below(115 * SECOND)
        again = draws.unit() < self._faults.duplicate_rate
        if again:
            faults.append("duplicate")
        message.fault = " ".join(faults) or None
        self._push(at, message)
        if again:
            self._push(at + 50_000 + draws.below(4 * SECOND), message)

    def _report(self, station: _Station, at: int) -> None:
        session, device = station.session, station.device
        f_cnt = session.f_cnt
        session.f_cnt += 1
        since = at - station.last if station.last is not None else station.interval
        station.last = at
        draws = Draws(device.seed, at)
        receptions = station.radio.receptions(draws)
        if not receptions:
            self.lost_on_air += 1
            return
        payload = device.sample(at / SECOND, since / SECOND)
        rx, time = self._rx(receptions, at, draws)
        channel = rx[0].channel
        deduplication_id = stable_uuid(self._seed, device.dev_eui, at)
        event = Uplink(
            station.identity,
            deduplication_id,
            time,
            session.dev_addr,
            station.radio.dr,
            f_cnt,
            payload.f_port,
            payload.data,
            rx,
            FREQUENCIES[channel],
            station.radio.spreading_factor,
        )
        message = self._message(station, "up", deduplication_id, self._encoding.up(event), time)
        message.f_cnt, message.f_port, message.payload = f_cnt, payload.f_port, payload.data
        message.gateways, message.truths = len(rx), payload.truths
        self._publish(at, message, draws)

    def _rx(self, receptions: list[Reception], at: int, draws: Draws) -> tuple[tuple[RxInfo, ...], int]:
        """`rxInfo` and the event's time: first GPS stamp, else first gateway clock, else the server's."""
        channel = draws.below(len(FREQUENCIES))
        ns_base = (at + 35_000) * 1000
        gps: int | None = None
        stamped: int | None = None
        rx: list[RxInfo] = []
        for reception in receptions:
            bits = draws.bits()
            clock = self._clocks[reception.gateway]
            gw_time = gps_time = None
            if clock == "gps":
                gw_time = at * 1000
                gps_time = at // 1000 * 1_000_000
                gps = gps if gps is not None else gps_time
            elif clock == "ntp":
                gw_time = (at + (bits >> 48) % 30_000 - 15_000) * 1000
            if gw_time is not None and stamped is None:
                stamped = gw_time
            rx.append(
                RxInfo(
                    self._gateways[reception.gateway],
                    bits & 0xFFFF,
                    gw_time,
                    ns_base + (bits >> 20) % 60_000_000,
                    gps_time,
                    reception.rssi,
                    reception.snr,
                    channel,
                    1 if channel < 3 else 0,
                    (bits >> 32).to_bytes(4, "big"),
                )
            )
        if gps is not None:
            return tuple(rx), gps
        return tuple(rx), stamped if stamped is not None else ns_base + 200_000_000

    def _join(self, station: _Station, at: int) -> None:
        session, device = station.session, station.device
        draws = Draws(device.seed, at)
        session.dev_addr = f"{draws.bits() & 0x01FFFFFF:08x}"
        session.joins += 1
        session.f_cnt = 0
        deduplication_id = stable_uuid(self._seed, device.dev_eui, at, "join")
        time = (at + _DEDUPLICATION) * 1000 + draws.below(1000)
        event = Join(station.identity, deduplication_id, time, session.dev_addr)
        self._publish(at, self._message(station, "join", deduplication_id, self._encoding.join(event), time), draws)

    def _status(self, station: _Station, at: int) -> None:
        draws = Draws(station.device.seed, at)
        receptions = station.radio.receptions(draws)
        if not receptions:
            return
        margin = round(max(reception.snr for reception in receptions) - station.radio.limit)
        battery = min(254, max(1, round(254 * station.device.battery(at / SECOND))))
        deduplication_id = stable_uuid(self._seed, station.device.dev_eui, at, "status")
        time = (at + _DEDUPLICATION) * 1000 + draws.below(1000)
        event = Status(station.identity, deduplication_id, time, max(-32, min(31, margin)), battery)
        body = self._encoding.status(event)
        self._publish(at, self._message(station, "status", deduplication_id, body, time), draws)

    @staticmethod
    def _message(station: _Station, event: str, deduplication_id: str, body: bytes, time: int) -> Message:
        return Message(
            topic=station.identity.topic(event),
            event=event,
            dev_eui=station.device.dev_eui,
            deduplication_id=deduplication_id,
            body=body,
            time=time // 1000,
            dev_addr=None if event == "status" else station.session.dev_addr,
            declared=station.device.point.device.declared,
        )


def identity_of(scenario: Scenario, device: Device) -> Identity:
    """How the LNS knows a device: one tenant, an application per theme, a profile per model."""
    theme, model = device.point.theme, device.point.device.model
    return Identity(
        dev_eui=device.dev_eui,
        device_name=device.name,
        tenant_id=stable_uuid(scenario.scenario, "tenant"),
        tenant_name=scenario.organisation.name,
        application_id=stable_uuid(scenario.scenario, "application", theme),
        application_name=theme,
        device_profile_id=stable_uuid(scenario.scenario, "profile", model),
        device_profile_name=model,
        tags=(("commune", device.site.commune),),
    )
