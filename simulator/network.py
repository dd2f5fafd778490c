"""The network server's side: a transmission becomes the event ChirpStack would publish, or is lost on air.

Times are microseconds since 1970.
"""

from __future__ import annotations

from simulator.encoders.truth import Payload
from simulator.events.model import Encoding, Gateway, Join, Log, RxInfo, Status, Uplink, stable_uuid
from simulator.faults.frame import Sending, troubled
from simulator.message import Message
from simulator.noise import Draws
from simulator.radio import FREQUENCIES, Reception
from simulator.scenario.model import GatewaySpec
from simulator.station import SECOND, Station

DEDUPLICATION = 200_000  # ChirpStack collects the gateways' copies for 200 ms


class Network:
    """Gateways and network server of a scenario."""

    def __init__(self, gateways: tuple[GatewaySpec, ...], encoding: Encoding, seed: int) -> None:
        self._gateways = [(Gateway(g.id, g.latitude, g.longitude, g.altitude), g.clock) for g in gateways]
        self._encoding = encoding
        self._seed = seed

    def report(self, station: Station, at: int, draws: Draws) -> list[Sending]:
        """What comes of the station's next uplink, the uplink first; nothing when nobody heard it."""
        session, device, trouble = station.session, station.device, station.trouble
        f_cnt = session.f_cnt
        session.f_cnt += 1
        since = at - station.last if station.last is not None else station.interval
        station.last = at
        receptions = station.radio.receptions(draws)
        if trouble is not None:
            receptions = trouble.heard(receptions, at)
        if not receptions:
            return []
        if trouble is not None and (struck := trouble.strikes(at)):
            return troubled(self, station, at, since, f_cnt, receptions, struck, draws)
        payload = device.sample(at / SECOND, since / SECOND)
        rx, time = self.rx(receptions, at, draws)
        return [Sending(self.up(station, self.uplink(station, at, f_cnt, payload, rx, time), payload))]

    def uplink(
        self, station: Station, at: int, f_cnt: int, payload: Payload, rx: tuple[RxInfo, ...], time: int
    ) -> Uplink:
        """The event of a frame sent at `at`; `time` in nanoseconds."""
        return Uplink(
            station.identity,
            stable_uuid(self._seed, station.device.dev_eui, at),
            time,
            station.session.dev_addr,
            station.radio.dr,
            f_cnt,
            payload.f_port,
            payload.data,
            rx,
            FREQUENCIES[rx[0].channel],
            station.radio.spreading_factor,
        )

    def up(self, station: Station, event: Uplink, payload: Payload) -> Message:
        """An uplink as a message, with what its payload means."""
        message = self._message(station, "up", event.deduplication_id, self._encoding.up(event), event.time)
        message.f_cnt, message.f_port, message.payload = event.f_cnt, payload.f_port, payload.data
        message.gateways, message.truths = len(event.rx), payload.truths
        message.shown = payload.shown
        return message

    def log(self, station: Station, event: Log) -> Message:
        """A `log` event as a message."""
        return self._message(station, "log", None, self._encoding.log(event), event.time)

    def rx(self, receptions: list[Reception], at: int, draws: Draws) -> tuple[tuple[RxInfo, ...], int]:
        """`rxInfo` and the event's time: first GPS stamp, else first gateway clock, else the server's."""
        channel = draws.below(len(FREQUENCIES))
        rf_chain = 1 if channel < 3 else 0
        ns_base = (at + 35_000) * 1000
        exact, by_gps = at * 1000, at // 1000 * 1_000_000
        gps: int | None = None
        stamped: int | None = None
        rx: list[RxInfo] = []
        gateways, draw = self._gateways, draws.bits
        for index, rssi, snr in receptions:
            bits = draw()
            gateway, clock = gateways[index]
            gw_time = gps_time = None
            if clock == "gps":
                gw_time, gps = exact, by_gps
                gps_time = by_gps
            elif clock == "ntp":
                gw_time = (at + (bits >> 48) % 30_000 - 15_000) * 1000
            if stamped is None:
                stamped = gw_time
            ns_time, context = ns_base + (bits >> 20) % 60_000_000, (bits >> 32).to_bytes(4, "big")
            rx.append(RxInfo(gateway, bits & 0xFFFF, gw_time, ns_time, gps_time, rssi, snr, channel, rf_chain, context))
        if gps is not None:
            return tuple(rx), gps
        return tuple(rx), stamped if stamped is not None else ns_base + 200_000_000

    def join(self, station: Station, at: int, draws: Draws) -> Message:
        """A new session and its `join` event."""
        session, device = station.session, station.device
        session.dev_addr = f"{draws.bits() & 0x01FFFFFF:08x}"
        session.joins += 1
        session.f_cnt = 0
        deduplication_id = stable_uuid(self._seed, device.dev_eui, at, "join")
        time = (at + DEDUPLICATION) * 1000 + draws.below(1000)
        event = Join(station.identity, deduplication_id, time, session.dev_addr)
        return self._message(station, "join", deduplication_id, self._encoding.join(event), time)

    def status(self, station: Station, at: int, draws: Draws) -> Message | None:
        """The answer to the daily status request; None when nobody heard it."""
        receptions = station.radio.receptions(draws)
        left = station.device.battery(at / SECOND)
        if station.trouble is not None:
            receptions, left = station.trouble.heard(receptions, at), station.trouble.left(at, left)
        if not receptions:
            return None
        margin = round(max(reception.snr for reception in receptions) - station.radio.limit)
        battery = min(254, max(1, round(254 * left)))
        deduplication_id = stable_uuid(self._seed, station.device.dev_eui, at, "status")
        time = (at + DEDUPLICATION) * 1000 + draws.below(1000)
        event = Status(station.identity, deduplication_id, time, max(-32, min(31, margin)), battery)
        return self._message(station, "status", deduplication_id, self._encoding.status(event), time)

    @staticmethod
    def _message(station: Station, event: str, deduplication_id: str | None, body: bytes, time: int) -> Message:
        addressed = event in {"up", "join"}
        return Message(
            station.topic(event),
            event,
            station.device.dev_eui,
            deduplication_id,
            body,
            time // 1000,
            station.session.dev_addr if addressed else None,
            station.declared,
        )
