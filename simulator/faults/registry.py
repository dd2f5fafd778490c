"""Every fault: its family, what it does, what is to become of what it strikes. docs/simulator.md shows this table.

What is expected is what a careful reader of ChirpStack's contract would demand of any store, in the words of the
manifest; thresholds that a store chooses are not repeated here.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from simulator.scenario.faults import FaultName

Family = Literal["sensor", "payload", "clock", "server", "wire", "outage", "session"]


class Fault(NamedTuple):
    """`by` in seconds and `size` are the defaults of a happening, `wants` names keys it cannot do without."""

    family: Family
    does: str
    expected: str
    by: int = 0
    size: float = 0.0
    wants: tuple[str, ...] = ()


_STUCK = "stored; `STUCK` once it has lasted longer than the quantity stays still by nature"
_QUARANTINE = "in quarantine as `{}`"

FAULTS: dict[FaultName, Fault] = {
    "stuck": Fault("sensor", "the sensor repeats what it said when it began", _STUCK, wants=("lasts",)),
    "spiking": Fault("sensor", "one report jumps: 25 Cel, or 6,000 µm of a dendrometer", "stored; `SPIKE`"),
    "drifting": Fault("sensor", "temperature errs by `size` Cel more every day", "stored: nobody can tell", size=2.0),
    "dying": Fault(
        "sensor", "the battery falls to nothing while it lasts; then silence", "stored until then", wants=("lasts",)
    ),
    "impossible": Fault("sensor", "temperature reads 120 Cel (not parking sensors)", "stored; `OUT_OF_RANGE`"),
    "self_diagnosed": Fault(
        "sensor", "a sap flow sensor doubts its own measurement", "stored; `DEVICE_ERROR` on what it measured"
    ),
    "conflicting": Fault(
        "sensor",
        "a water meter's later records are 300 L more than other frames say",
        "stored; `CONFLICT` on every time two frames disagree about",
    ),
    "truncated": Fault(
        "payload", "only the first byte comes through; of a parking sensor none", "`refused`, no reading"
    ),
    "clipped": Fault(
        "payload", "the last byte is missing (Milesight, ELSYS)", "stored; readings of all but the last element"
    ),
    "foreign_payload": Fault("payload", "bytes of another product (not parking sensors)", "`refused`, no reading"),
    "wrong_port": Fault(
        "payload", "port 222", "`refused` where the maker gives a port its meaning, else decoded as ever"
    ),
    "clock_ahead": Fault(
        "clock", "the gateways' clocks are ahead `by`", "dated by the server's clock; `CLOCK_SUSPECT`", by=1200
    ),
    "clock_behind": Fault(
        "clock", "the gateways' clocks are behind `by`", "dated by the server's clock; `CLOCK_SUSPECT`", by=1200
    ),
    "server_behind": Fault(
        "clock", "all clocks of the network are behind `by`", "`untimely`, no reading", by=400 * 86400
    ),
    "delayed": Fault("server", "published `by` late", "stored; `LATE` if it was", by=5 * 3600),
    "repeated": Fault(
        "server", "skip_fcnt_check: the same frame seconds later under another id", "set aside as `repeat`"
    ),
    "retransmitted": Fault("server", "a retransmission: a `log` event beside the frame", "both stored, once"),
    "codec_error": Fault("server", "the server's codec fails: a `log` event beside the frame", "both stored, once"),
    "qos0": Fault("server", "published at QoS 0", "stored at most once; nobody owes it"),
    "chirpstack_restart": Fault(
        "server",
        "the network server is away: what it heard is never published",
        "not there: lost before the broker",
        wants=("lasts",),
    ),
    "backlog": Fault(
        "server",
        "the broker is out of reach: what is heard meanwhile comes when it is back, within a minute, in any order",
        "stored; `LATE` if it was",
        wants=("lasts",),
    ),
    "v3_payload": Fault("wire", "an event in ChirpStack v3's form", _QUARANTINE.format("missing_field")),
    "broken_message": Fault("wire", "the message breaks off", _QUARANTINE.format("malformed")),
    "wrong_topic": Fault("wire", "on another device's topic", _QUARANTINE.format("topic_mismatch")),
    "unknown_event": Fault("wire", "an event nobody knows", _QUARANTINE.format("unknown_event")),
    "silent": Fault("outage", "the device says nothing", "nothing", wants=("lasts",)),
    "dead_gateway": Fault(
        "outage",
        "gateways hear nothing",
        "fewer receptions; frames only they hear are lost on air",
        wants=("gateways",),
    ),
    "power_cut": Fault(
        "outage", "all these devices fall silent, then join and report within a minute", "stored", wants=("lasts",)
    ),
    "rejoin": Fault("session", "the device joins again", "stored: a new address, counters from 0"),
    "counter_reset": Fault(
        "session", "the device starts anew without a join; the server skips its check", "stored: counters from 0"
    ),
    "counter_refused": Fault(
        "session",
        "the same with the check on: a `log` event for each frame; at the end it joins again",
        "the `log` events are stored, once",
        wants=("lasts",),
    ),
}


def table() -> str:
    """The faults as a Markdown table."""
    lines = ["| fault | family | what happens | what is expected |", "|---|---|---|---|"]
    lines += [f"| `{name}` | {fault.family} | {fault.does} | {fault.expected} |" for name, fault in FAULTS.items()]
    return "\n".join(lines) + "\n"
