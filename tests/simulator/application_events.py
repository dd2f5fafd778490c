"""What a network server publishes to applications, in ChirpStack's JSON; written from its examples for the tests."""

from __future__ import annotations

import json
from base64 import b64encode
from collections import Counter
from datetime import UTC, datetime
from uuid import uuid4

from chirpstack_api import gw

from tests.simulator.lorawan_peer import Up

TENANT = "52f14cd4-c6f1-4fbd-8f87-4025e1d49242"
APPLICATION = "17c82e96-be03-4f38-aef3-f83d48582d97"


class Application:
    """Makes topic and body of each event, and counts them."""

    def __init__(self) -> None:
        self.sent: Counter[str] = Counter()

    def _event(self, dev_eui: str, event: str, fields: dict[str, object]) -> tuple[str, bytes]:
        self.sent[event] += 1
        body = {
            "time": datetime.now(UTC).isoformat(),
            "deviceInfo": {
                "tenantId": TENANT,
                "tenantName": "T",
                "applicationId": APPLICATION,
                "applicationName": "A",
                "deviceProfileId": APPLICATION,
                "deviceProfileName": "P",
                "deviceName": dev_eui,
                "devEui": dev_eui,
                "deviceClassEnabled": "CLASS_A",
                "tags": {},
            },
            **({} if event == "log" else {"deduplicationId": str(uuid4())}),
            **fields,
        }
        return f"application/{APPLICATION}/device/{dev_eui}/event/{event}", json.dumps(body).encode()

    def join(self, dev_eui: str, dev_addr: int) -> tuple[str, bytes]:
        return self._event(dev_eui, "join", {"devAddr": f"{dev_addr:08x}", "regionConfigId": "eu868"})

    def status(self, dev_eui: str, battery: int, margin: int) -> tuple[str, bytes]:
        fields = {"margin": margin, "externalPowerSource": False, "batteryLevelUnavailable": False}
        return self._event(dev_eui, "status", {**fields, "batteryLevel": battery / 2.54})

    def log(self, dev_eui: str, f_cnt: int) -> tuple[str, bytes]:
        told = {"level": "WARNING", "code": "UPLINK_F_CNT_RESET", "description": "Frame-counter reset detected"}
        context = {"deduplication_id": str(uuid4()), "f_cnt_up": str(f_cnt)}
        return self._event(dev_eui, "log", {**told, "context": context})

    def up(self, dev_eui: str, dev_addr: int, up: Up, frame: gw.UplinkFrame) -> tuple[str, bytes]:
        rx, now = frame.rx_info, datetime.now(UTC).isoformat()
        lora = {
            "bandwidth": 125000,
            "spreadingFactor": frame.tx_info.modulation.lora.spreading_factor,
            "codeRate": "CR_4_5",
        }
        copy = {
            "gatewayId": rx.gateway_id,
            "uplinkId": rx.uplink_id,
            "nsTime": now,
            "rssi": rx.rssi,
            "snr": rx.snr,
            "channel": rx.channel,
            "context": b64encode(rx.context).decode(),
            "crcStatus": "CRC_OK",
        }
        return self._event(
            dev_eui,
            "up",
            {
                "devAddr": f"{dev_addr:08x}",
                "adr": up.adr,
                "dr": 12 - int(str(lora["spreadingFactor"])),
                "fCnt": up.f_cnt,
                "fPort": up.f_port or 0,
                "confirmed": up.confirmed,
                "data": b64encode(up.payload if up.f_port else b"").decode(),
                "rxInfo": [copy],
                "txInfo": {"frequency": frame.tx_info.frequency, "modulation": {"lora": lora}},
                "regionConfigId": "eu868",
            },
        )
