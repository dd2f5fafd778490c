"""What a network server says beside a frame, or again."""

from __future__ import annotations

from typing import NamedTuple

from simulator.events.model import Log, Uplink
from simulator.scenario.faults import FaultName

_MICRO = 1000


class Story(NamedTuple):
    """A `log` event as ChirpStack words it (its source at 4.20, and the contract's examples)."""

    level: str
    code: str
    description: str


STORIES: dict[FaultName, Story] = {
    "retransmitted": Story(
        "WARNING",
        "UPLINK_F_CNT_RETRANSMISSION",
        "Uplink was flagged as re-transmission / frame-counter did not increment",
    ),
    "counter_refused": Story("WARNING", "UPLINK_F_CNT_RESET", "Frame-counter reset or rollover detected"),
    "codec_error": Story(
        "ERROR", "UPLINK_CODEC", "JS error: Error: foo is not defined\n    at decodeUplink (main:5:1)\n"
    ),
}


def log_of(fault: FaultName, event: Uplink, deduplication_id: str, later: int) -> Log:
    """The `log` event about a frame, `later` microseconds after it."""
    story = STORIES[fault]
    context = {"deduplication_id": deduplication_id}
    if fault != "codec_error":
        context["f_cnt_up"] = str(event.f_cnt)
    return Log(
        event.identity,
        event.time + later * _MICRO,
        story.level,
        story.code,
        story.description,
        tuple(context.items()),
    )


def again(event: Uplink, deduplication_id: str, later: int) -> Uplink:
    """The same frame under another id, as its retransmission `later` microseconds after would come out."""
    by = later * _MICRO
    rx = tuple(
        copy._replace(
            ns_time=copy.ns_time + by,
            gw_time=None if copy.gw_time is None else copy.gw_time + by,
            gps_time=None if copy.gps_time is None else copy.gps_time + by // 1_000_000 * 1_000_000,
        )
        for copy in event.rx
    )
    return event._replace(deduplication_id=deduplication_id, time=event.time + by // 1_000_000 * 1_000_000, rx=rx)
