"""A device on air: its radio, its LoRaWAN session and the moments at which it sends.

Times are microseconds since 1970. The moments of reports lie on a grid that depends on the seed alone,
so a run that stops and one that goes on later agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from simulator.catalogue import MODELS
from simulator.events.model import Identity, stable_uuid
from simulator.faults.trouble import Trouble
from simulator.lorawan.airtime import airtime
from simulator.noise import mix, normal
from simulator.radio import Radio, Spot
from simulator.scenario.model import Scenario
from simulator.sensors import Device

SECOND = 1_000_000
_DAY = 86400 * SECOND
_MINUTE = 60 * SECOND
_AWAY = 4 * SECOND  # from a full minute, for what is dated by minutes
_TELLING = 2_500_000  # from a change to the frame about it
_LONGEST_FRAME = 13 + 51  # bytes; no model sends more (RP002: the most that DR0 takes)
_DUTY = 100  # a sub-band rests so many times as long as a frame takes: 1 %


@dataclass(slots=True)
class Session:
    """A device's LoRaWAN session; `f_cnt` is the counter of the next frame."""

    joins: int = 0
    dev_addr: str = ""
    f_cnt: int = 0


class Station:
    """A device on air."""

    __slots__ = (
        *("_by_minute", "_topic", "declared", "device", "identity", "interval", "last", "phase", "radio", "session"),
        "trouble",
    )

    def __init__(
        self,
        scenario: Scenario,
        device: Device,
        session: Session,
        divisor: float,
        near: Sequence[int] | None = None,
        *,
        spaced: bool = False,
    ) -> None:
        """`divisor`: it reports so many times as often; `spaced`: but never more often than its duty cycle allows."""
        spot = Spot(device.site.latitude, device.site.longitude, device.point.device.building_loss)
        self.device = device
        self._by_minute = MODELS[device.point.device.model].dated_by_minute
        self.identity = identity_of(scenario, device)
        self._topic = self.identity.topic("up")
        self.declared = device.point.device.declared
        self.radio = Radio(spot, scenario.gateways, device.seed, scenario.faults.loss_rate, near)
        self.session = session
        least = _DUTY * airtime(_LONGEST_FRAME, self.radio.spreading_factor) if spaced else SECOND
        self.interval = max(least, int(device.point.device.interval * SECOND / divisor))
        self.phase = mix(device.seed, 1) % self.interval
        self.last: int | None = None
        self.trouble: Trouble | None = None

    def topic(self, event: str) -> str:
        """Where an event of the device is published."""
        return self._topic if event == "up" else self.identity.topic(event)

    def report_after(self, at: int) -> int:
        """The first report later than `at`: by the clock, or at once about a change of what it looks at."""
        regular = self._regular_after(at)
        if not self.device.tells_changes:
            return regular
        changed = self.device.next_change((at - _TELLING) / SECOND) * SECOND
        told = max(at + 1, int(min(changed, 4e18)) + _TELLING)
        return min(regular, told)

    def _regular_after(self, at: int) -> int:
        n = (at - self.phase) // self.interval
        while True:
            moment = self.phase + n * self.interval + int(0.012 * self.interval * normal(self.device.seed ^ 3, n))
            if self._by_minute:
                moment += _AWAY if moment % _MINUTE < _AWAY else 0
                moment -= _AWAY if moment % _MINUTE > _MINUTE - _AWAY else 0
            if moment > at:
                return moment
            n += 1

    def status_after(self, at: int) -> int:
        """The first daily status later than `at`."""
        phase = mix(self.device.seed, 2) % _DAY
        return at + _DAY - (at - phase) % _DAY


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
