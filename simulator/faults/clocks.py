"""Wrong clocks of gateways and servers. Times of events are nanoseconds since 1970, `by` is microseconds."""

from __future__ import annotations

from simulator.events.model import RxInfo
from simulator.faults.plan import Happening


def misdated(happening: Happening, time: int, rx: tuple[RxInfo, ...]) -> tuple[int, tuple[RxInfo, ...], int]:
    """The event's time, its receptions, and the time a store must give the frame.

    ChirpStack trusts a GPS stamp without a check (contract 1.5), so the event's time follows the gateways; the network
    server's own stamps (`nsTime`) stay right unless it is the server that errs. The earliest of them counts.
    """
    by = happening.by * 1000
    if happening.fault == "server_behind":
        shifted = tuple(_shifted(copy, -by)._replace(ns_time=copy.ns_time - by) for copy in rx)
        return time - by, shifted, time - by
    if happening.fault == "clock_behind":
        by = -by
    return time + by, tuple(_shifted(copy, by) for copy in rx), min(copy.ns_time for copy in rx)


def _shifted(copy: RxInfo, by: int) -> RxInfo:
    return copy._replace(
        gw_time=None if copy.gw_time is None else copy.gw_time + by,
        gps_time=None if copy.gps_time is None else copy.gps_time + by,
    )
