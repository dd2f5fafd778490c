"""A report that something befalls: what comes of it, and when it is published."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from simulator.encoders.truth import Payload
from simulator.events.model import Log, RxInfo, Uplink, stable_uuid
from simulator.faults.clocks import misdated
from simulator.faults.marks import CLOCK_SUSPECT, Mark
from simulator.faults.payload import spoiled
from simulator.faults.plan import Happening
from simulator.faults.sensor import sampled
from simulator.faults.server import again, log_of
from simulator.faults.wire import mangle
from simulator.message import Message
from simulator.noise import Draws
from simulator.radio import Reception
from simulator.station import Station

_MILLISECOND = 1000


class Sending(NamedTuple):
    """A message, and how many microseconds later than usual it is published."""

    message: Message
    later: int = 0


class Desk(Protocol):
    """What a network server does with any frame."""

    def rx(self, receptions: list[Reception], at: int, draws: Draws) -> tuple[tuple[RxInfo, ...], int]:
        """`rxInfo` and the event's time."""
        ...

    def uplink(
        self, station: Station, at: int, f_cnt: int, payload: Payload, rx: tuple[RxInfo, ...], time: int
    ) -> Uplink:
        """The event."""
        ...

    def up(self, station: Station, event: Uplink, payload: Payload) -> Message:
        """The event as a message."""
        ...

    def log(self, station: Station, event: Log) -> Message:
        """A `log` event as a message."""
        ...


def troubled(
    desk: Desk,
    station: Station,
    at: int,
    since: int,
    f_cnt: int,
    receptions: list[Reception],
    struck: tuple[Happening, ...],
    draws: Draws,
) -> list[Sending]:
    """What the network server makes of a frame that `struck` befell."""
    payload = sampled(station.device, at, since, struck)
    readable = True
    rx, time = desk.rx(receptions, at, draws)
    dated = time
    other = next((h for h in struck if h.family != "sensor"), None)
    if other is not None and other.family == "clock" and not any(copy.gps_time for copy in rx):
        # Only a GPS stamp is trusted by ChirpStack however wrong it is.
        struck, other = tuple(h for h in struck if h is not other), None
    if other is not None and other.family == "payload":
        payload, readable = spoiled(other.fault, payload, station.device.point.device.model)
    if other is not None and other.family == "clock":
        time, rx, dated = misdated(other, time, rx)
    event = desk.uplink(station, at, f_cnt, payload, rx, time)
    message = desk.up(station, event, payload)
    message.time = dated // 1000
    if station.trouble is not None:
        message.marks = station.trouble.marks(message.truths, at, struck)
    if not readable and message.declared:
        message.outcome = "refused"
    sendings = [Sending(message)] if other is None else _beside(desk, station, event, payload, message, other, draws)
    for sending in sendings:
        sending.message.fault = " ".join(happening.fault for happening in struck) or None
    return sendings


def _beside(
    desk: Desk,
    station: Station,
    event: Uplink,
    payload: Payload,
    message: Message,
    other: Happening,
    draws: Draws,
) -> list[Sending]:
    """The message with what the one fault that is not the sensor's does to it."""
    match other.fault:
        case "clock_ahead" | "clock_behind":
            suspect = tuple(Mark(t.quantity, t.channel, CLOCK_SUSPECT) for t in message.truths if t.at is None)
            message.marks = suspect
        case "server_behind":
            message.truths, message.marks, message.outcome = (), (), "untimely"
        case "delayed":
            message.marks = ()
            return [Sending(message, other.by)]
        case "repeated":
            later = 2_000 * _MILLISECOND + draws.below(38_000_000)
            copy = again(event, stable_uuid(event.deduplication_id, "again"), later)
            repetition = desk.up(station, copy, payload)
            repetition.truths, repetition.expect, repetition.outcome = (), "repeat", "repeat"
            return [Sending(message), Sending(repetition, later)]
        case "retransmitted":
            later = 1_000 * _MILLISECOND + draws.below(2_000_000)
            log = log_of(other.fault, event, stable_uuid(event.deduplication_id, "again"), later)
            return [Sending(message), Sending(desk.log(station, log), later)]
        case "codec_error":
            log = log_of(other.fault, event, event.deduplication_id, 1_000)
            return [Sending(desk.log(station, log)), Sending(message, _MILLISECOND)]
        case "counter_refused":
            return [Sending(desk.log(station, log_of(other.fault, event, event.deduplication_id, 0)))]
        case "qos0":
            message.qos, message.marks = 0, ()
        case "v3_payload" | "broken_message" | "wrong_topic" | "unknown_event":
            message.marks = ()
            mangle(message, other.fault)
        case _:
            pass
    return [Sending(message)]
