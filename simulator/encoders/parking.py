"""Parking sensors: Bosch TPS110 and Nwave NPS405. f_port 1 tells a change, f_port 2 is the heartbeat.

Sources: Bosch, TPS110 communication interface (state in bit 0, then a signed byte in Cel in heartbeats);
Nwave's codec of the NPS405 (state in bit 0; above it the duration of the state before in minutes on a scale of three
steps; heartbeat with state, 4 mV above 2.5 V, half degrees above 10 Cel and three bytes that are not published).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from simulator.encoders.truth import Payload, Truth, nearest

STATUS, HEARTBEAT = 1, 2
NPS_LONGEST = 660 * 60
"""Seconds that the scale of the NPS405 ends at; longer states are told as this."""


@dataclass(frozen=True, slots=True)
class Tps110:
    """A change of the bay (no temperature) or a heartbeat with it."""

    occupied: bool
    temperature: float | None = None

    def encode(self) -> Payload:
        """One or two bytes, with what they mean."""
        state = Truth("parking_occupied", float(self.occupied), 0.0)
        if self.temperature is None:
            return Payload(STATUS, bytes((self.occupied,)), (state,))
        data = struct.pack(">Bb", self.occupied, nearest(self.temperature, 1, -128, 127))
        return Payload(HEARTBEAT, data, (state, Truth("device_temperature", self.temperature, 1.0)))


@dataclass(frozen=True, slots=True)
class Nps405Change:
    """A change of the bay, and how many seconds the state before it lasted."""

    occupied: bool
    seconds_before: float

    def encode(self) -> Payload:
        """One byte, with what it means; the duration is cut to the scale's step."""
        minutes = int(self.seconds_before // 60)
        if minutes < 90:
            code, step = minutes, 60
        elif minutes < 240:
            code, step = 90 + (minutes - 90) // 5, 300
        elif minutes < 660:
            code, step = 120 + (minutes - 240) // 60, 3600
        else:
            code, step = 127, 0
        truths = [Truth("parking_occupied", float(self.occupied), 0.0)]
        if code:  # 0 is also what a sensor that counts no time sends
            told = min(float(NPS_LONGEST), self.seconds_before)
            truths.append(Truth("previous_state_duration", told, float(step)))
        return Payload(STATUS, bytes((code << 1 | self.occupied,)), tuple(truths))


@dataclass(frozen=True, slots=True)
class Nps405Heartbeat:
    """The bay's state, V of the battery and Cel of the device."""

    occupied: bool
    battery_voltage: float
    temperature: float
    rest: bytes = b"\x00\x59\x0b"

    def encode(self) -> Payload:
        """Six bytes, with what they mean; `rest` is that of the published example."""
        data = struct.pack(
            ">BBb",
            self.occupied,
            nearest(self.battery_voltage - 2.5, 0.004, 0, 255),
            nearest(self.temperature - 10, 0.5, -128, 127),
        )
        return Payload(
            HEARTBEAT,
            data + self.rest,
            (
                Truth("battery_voltage", self.battery_voltage, 0.004),
                Truth("parking_occupied", float(self.occupied), 0.0),
                Truth("device_temperature", self.temperature, 0.5),
            ),
        )
