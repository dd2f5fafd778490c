"""When was it measured? Devices, gateways and servers all have clocks, and each of them can be wrong."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from services.core.domain import Flag
from services.core.settings import Settings

FUTURE_LIMIT = timedelta(minutes=10)
"""How far ahead of our clock a time may lie; beyond, it is not credible."""

OLDEST = datetime(2015, 1, 1, tzinfo=UTC)
"""Before LoRaWAN 1.0: a clock that says so was never set."""

_NONE = Flag(0)


@dataclass(frozen=True, slots=True)
class TimeRules:
    """The tolerances of the settings of the same names."""

    clock_tolerance: timedelta
    late_limit: timedelta
    late_after: timedelta

    @classmethod
    def of(cls, settings: Settings) -> "TimeRules":
        return cls(settings.clock_tolerance, settings.late_limit, settings.late_after)

    def is_timely(self, at: datetime, received_at: datetime) -> bool:
        """Whether a value of time ``at`` may become a reading when it reached us at ``received_at``."""
        return received_at - self.late_limit <= at <= received_at + FUTURE_LIMIT

    def lateness(self, at: datetime, received_at: datetime) -> Flag:
        return Flag.LATE if received_at - at > self.late_after else _NONE


class JudgedTime(Struct, frozen=True, gc=False):
    measured_at: datetime
    flags: Flag
    timely: bool


def judge_time(
    event_time: datetime | None,
    network_times: Sequence[datetime],
    gateway_times: Sequence[datetime],
    received_at: datetime,
    rules: TimeRules,
) -> JudgedTime:
    """The time of a frame: the event's own, when the clocks that saw the frame arrive do not contradict it.

    ``network_times`` are those of the network server (``nsTime``), ``gateway_times`` those of the gateways, asked only
    when the former say nothing credible. Of several the earliest counts: the first copy to arrive.
    """
    network = _earliest(network_times, received_at) or _earliest(gateway_times, received_at)
    suspect = _NONE
    if network is not None:
        believable = event_time is not None and abs(event_time - network) <= rules.clock_tolerance
    else:
        believable = event_time is not None and rules.is_timely(event_time, received_at)
    if event_time is not None and believable:
        measured_at = event_time
    else:
        measured_at, suspect = network or received_at, Flag.CLOCK_SUSPECT
    flags = suspect | rules.lateness(measured_at, received_at)
    return JudgedTime(measured_at, flags, rules.is_timely(measured_at, received_at))


def _earliest(times: Sequence[datetime], received_at: datetime) -> datetime | None:
    latest = received_at + FUTURE_LIMIT
    return min((at for at in times if OLDEST <= at <= latest), default=None)
