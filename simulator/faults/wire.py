"""Messages that are not what they ought to be: another form, broken off, at the wrong place."""

from __future__ import annotations

import json
from base64 import b64encode

from simulator.message import Message
from simulator.scenario.faults import FaultName

REASONS: dict[FaultName, str] = {
    "v3_payload": "missing_field",
    "broken_message": "malformed",
    "wrong_topic": "topic_mismatch",
    "unknown_event": "unknown_event",
}
_CUT = 30  # within the deduplication id, in JSON as in protobuf


def mangle(message: Message, fault: FaultName) -> None:
    """Turns an `up` event into one for the quarantine."""
    message.expect, message.reason = "quarantined", REASONS[fault]
    message.truths = ()
    match fault:
        case "v3_payload":
            message.body = _as_v3(message)
        case "broken_message":
            message.body = message.body[:_CUT]
        case "wrong_topic":
            other = f"{int(message.dev_eui, 16) ^ 1:016x}"
            message.topic = message.topic.replace(message.dev_eui, other)
        case _:
            message.topic = message.topic.removesuffix("up") + "uplink"


def _as_v3(message: Message) -> bytes:
    """ChirpStack v3's JSON: flat, base64 ids (contract 1.6)."""
    eui = b64encode(bytes.fromhex(message.dev_eui)).decode()
    return json.dumps(
        {
            "applicationID": "1",
            "applicationName": "a",
            "deviceName": "d",
            "devEUI": eui,
            "rxInfo": [{"gatewayID": eui, "time": None, "rssi": -60, "loRaSNR": 7}],
            "txInfo": {
                "frequency": 868100000,
                "modulation": "LORA",
                "loRaModulationInfo": {
                    "bandwidth": 125,
                    "spreadingFactor": 7,
                    "codeRate": "4/5",
                    "polarizationInversion": False,
                },
            },
            "adr": True,
            "dr": 5,
            "fCnt": message.f_cnt,
            "fPort": message.f_port,
            "data": b64encode(message.payload or b"").decode(),
            "objectJSON": "{}",
            "tags": {},
            "confirmedUplink": False,
            "devAddr": b64encode(bytes.fromhex(message.dev_addr or "")).decode(),
        },
        separators=(",", ":"),
    ).encode()
