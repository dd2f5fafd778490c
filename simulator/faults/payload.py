"""Payloads that are no payloads of their device's model.

What each model's maker fixes is from the vendors' documents: which devices say different things on different ports,
which write elements one after the other, and which accept any byte as a state.
"""

from __future__ import annotations

from simulator.encoders.truth import Payload
from simulator.scenario.faults import FaultName

FOREIGN = b"\xf0\x0d\xff"
WRONG_PORT = 222
PORT_HAS_MEANING = frozenset(
    {
        "dingtek/df702-df703",
        "axioma/qalcosonic-w1",
        "watteco/pulse-senso",
        "watteco/tico",
        "bosch/tps110",
        "nwave/nps",
        "dragino/lse01",
    }
)
ANY_BYTES = frozenset({"bosch/tps110", "nwave/nps"})
IN_ELEMENTS = frozenset(
    {
        "milesight/am300",
        "milesight/em400",
        "milesight/em300-sld-zld",
        "milesight/em500-smtc",
        "milesight/ws301",
        "elsys/ers",
    }
)


def strikes(fault: FaultName, model: str) -> bool:
    """Whether the fault makes a difference to the model."""
    if fault in {"foreign_payload", "impossible"}:  # an octet of temperature cannot say what is impossible
        return model not in ANY_BYTES
    return fault != "clipped" or model in IN_ELEMENTS


def spoiled(fault: FaultName, payload: Payload, model: str) -> tuple[Payload, bool]:
    """The payload as it arrives, and whether it can be read at all (then with the values that are left)."""
    match fault:
        case "truncated":
            return Payload(payload.f_port, b"" if model in ANY_BYTES else payload.data[:1], ()), False
        case "clipped":
            return Payload(payload.f_port, payload.data[:-1], payload.truths[:-1]), True
        case "foreign_payload":
            return Payload(payload.f_port, FOREIGN, ()), False
        case _:
            readable = model not in PORT_HAS_MEANING
            return Payload(WRONG_PORT, payload.data, payload.truths if readable else ()), readable
