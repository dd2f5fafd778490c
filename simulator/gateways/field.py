"""A device in the field, as the air sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.catalogue import MODELS
from simulator.gateways.troubles import Told
from simulator.lorawan.device import EndDevice
from simulator.message import Message
from simulator.station import Station

if TYPE_CHECKING:
    from simulator.gateways.actions import Late


class Field:
    """A device in the field: its place and signal, its LoRaWAN side, and the frame the manifest is to have."""

    __slots__ = (
        *("by_minute", "confirmed", "device", "late", "message", "next_heard", "reach", "read_at", "refused"),
        *("reported", "snr", "station", "told"),
    )

    def __init__(self, station: Station, device: EndDevice, *, confirmed: bool) -> None:
        self.station = station
        self.device = device
        self.by_minute = MODELS[station.device.point.device.model].dated_by_minute
        self.confirmed = confirmed and not self.by_minute  # a repetition would have another minute
        self.reported: int | None = None  # the report before the last
        self.read_at = 0
        self.message: tuple[int, Message] | None = None  # (f_cnt, row): repetitions belong to it
        self.reach: frozenset[int] = frozenset()  # the gateways that heard it last
        self.snr = 0.0
        self.told: tuple[Told, ...] = ()  # the last payloads it was given, with what befell them
        self.next_heard = 0 if device.state.session is None else device.state.session.f_cnt_up
        self.refused = 0  # since its counter began again: no network server takes what is below
        self.late: Late | None = None  # what the gateways hold back

    def known(self, f_cnt: int | None) -> Message | None:
        """The row of that frame, if a transmission of it was heard before."""
        return None if self.message is None or self.message[0] != f_cnt else self.message[1]
