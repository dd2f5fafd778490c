"""Events as the JSON ChirpStack 4 writes (pbjson 0.9 and serde_json).

Keys in the order of the proto fields, oneof members last; the integration package writes defaults, the
gateway and common packages leave them out; times end in +00:00 with 0, 3, 6 or 9 decimals; float32 in
its shortest form, always with a fraction.
"""

from __future__ import annotations

import json
import struct
from binascii import b2a_base64
from datetime import date, timedelta
from functools import lru_cache

from simulator.events.model import Gateway, Identity, Join, Log, RxInfo, Status, Uplink, since_gps_epoch

_NANO = 1_000_000_000


def fraction(nanoseconds: int) -> str:
    """The decimals of a second with their point: none, 3, 6 or 9 of them."""
    if nanoseconds == 0:
        return ""
    if nanoseconds % 1_000_000 == 0:
        return f".{nanoseconds // 1_000_000:03d}"
    if nanoseconds % 1000 == 0:
        return f".{nanoseconds // 1000:06d}"
    return f".{nanoseconds:09d}"


@lru_cache(maxsize=64)
def _day(days: int) -> str:
    return (date(1970, 1, 1) + timedelta(days=days)).isoformat()


@lru_cache(maxsize=256)
def _second(seconds: int) -> str:
    days, rest = divmod(seconds, 86400)
    minutes, second = divmod(rest, 60)
    return f"{_day(days)}T{minutes // 60:02d}:{minutes % 60:02d}:{second:02d}"


def timestamp(time: int) -> str:
    """A protobuf Timestamp, without quotes."""
    seconds, nanoseconds = divmod(time, _NANO)
    if nanoseconds % 1000:  # what the server's own clock gives, nearly always
        return f"{_second(seconds)}.{nanoseconds:09d}+00:00"
    return f"{_second(seconds)}{fraction(nanoseconds)}+00:00"


def duration(nanoseconds: int) -> str:
    """A protobuf Duration, without quotes."""
    seconds, rest = divmod(nanoseconds, _NANO)
    return f"{seconds}{fraction(rest)}s"


@lru_cache(maxsize=1024)
def float32(value: float) -> str:
    """The shortest decimal that reads back as the same float32."""
    wanted = struct.pack("<f", value)
    for digits in range(1, 10):
        text = f"{value:.{digits}g}"
        if struct.pack("<f", float(text)) == wanted:
            return repr(float(text))
    return repr(value)


@lru_cache(maxsize=8192)
def _signal(rssi: int, snr: float) -> str:
    return (f',"rssi":{rssi}' if rssi else "") + (f',"snr":{float32(snr)}' if snr else "")


@lru_cache(maxsize=32)
def _channel(channel: int, rf_chain: int) -> str:
    return (f',"channel":{channel}' if channel else "") + (f',"rfChain":{rf_chain}' if rf_chain else "")


class JsonEncoding:
    """Writes events as JSON text; what never changes of a device or a gateway is written once."""

    def __init__(self) -> None:
        self._devices: dict[str, str] = {}
        self._gateways: dict[str, tuple[str, str]] = {}

    def _device(self, identity: Identity) -> str:
        text = self._devices.get(identity.dev_eui)
        if text is None:
            info = {
                "tenantId": identity.tenant_id,
                "tenantName": identity.tenant_name,
                "applicationId": identity.application_id,
                "applicationName": identity.application_name,
                "deviceProfileId": identity.device_profile_id,
                "deviceProfileName": identity.device_profile_name,
                "deviceName": identity.device_name,
                "devEui": identity.dev_eui,
                "deviceClassEnabled": "CLASS_A",
                "tags": dict(identity.tags),
            }
            text = json.dumps(info, ensure_ascii=False, separators=(",", ":"))
            self._devices[identity.dev_eui] = text
        return text

    def _gateway(self, gateway: Gateway) -> tuple[str, str]:
        """How each of its receptions begins, and goes on after what was measured."""
        parts = (("latitude", gateway.latitude), ("longitude", gateway.longitude), ("altitude", gateway.altitude))
        place = "{" + ",".join(f'"{name}":{float(value)!r}' for name, value in parts if value) + "}"
        text = (f'{{"gatewayId":"{gateway.gateway_id}"', f',"location":{place},"context":"')
        self._gateways[gateway.gateway_id] = text
        return text

    def _receptions(self, rx: tuple[RxInfo, ...]) -> str:
        """What stands between the brackets of `rxInfo`; a moment that several gateways stamp is written once."""
        texts: list[str] = []
        stamped = since = None
        gw_text = gps_text = ""
        for gateway, uplink_id, gw_time, ns_time, gps_time, rssi, snr, channel, rf_chain, context in rx:
            head, place = self._gateways.get(gateway.gateway_id) or self._gateway(gateway)
            if uplink_id:
                head = f'{head},"uplinkId":{uplink_id}'
            if gw_time != stamped:
                stamped = gw_time
                gw_text = "" if gw_time is None else f',"gwTime":"{timestamp(gw_time)}"'
            if gps_time != since:
                since = gps_time
                gps_text = "" if gps_time is None else f',"timeSinceGpsEpoch":"{duration(since_gps_epoch(gps_time))}"'
            seal = b2a_base64(context, newline=False).decode()
            texts.append(
                f'{head}{gw_text},"nsTime":"{timestamp(ns_time)}"{gps_text}{_signal(rssi, snr)}'
                f'{_channel(channel, rf_chain)}{place}{seal}","crcStatus":"CRC_OK"}}'
            )
        return ",".join(texts)

    def up(self, event: Uplink) -> bytes:
        """The body of an `up` event."""
        return (
            f'{{"deduplicationId":"{event.deduplication_id}","time":"{timestamp(event.time)}"'
            f',"deviceInfo":{self._device(event.identity)},"devAddr":"{event.dev_addr}","adr":true'
            f',"dr":{event.dr},"fCnt":{event.f_cnt},"fPort":{event.f_port},"confirmed":false'
            f',"data":"{b2a_base64(event.data, newline=False).decode()}"'
            f',"rxInfo":[{self._receptions(event.rx)}],"txInfo":{{"frequency":{event.frequency}'
            f',"modulation":{{"lora":{{"bandwidth":125000,"spreadingFactor":{event.spreading_factor}'
            ',"codeRate":"CR_4_5"}}},"regionConfigId":"eu868"}'
        ).encode()

    def join(self, event: Join) -> bytes:
        """The body of a `join` event."""
        return (
            f'{{"deduplicationId":"{event.deduplication_id}","time":"{timestamp(event.time)}"'
            f',"deviceInfo":{self._device(event.identity)},"devAddr":"{event.dev_addr}","regionConfigId":"eu868"}}'
        ).encode()

    def status(self, event: Status) -> bytes:
        """The body of a `status` event."""
        unknown, external = event.battery == 255, event.battery == 0
        level = 0.0 if unknown or external else event.battery / 254 * 100
        return (
            f'{{"deduplicationId":"{event.deduplication_id}","time":"{timestamp(event.time)}"'
            f',"deviceInfo":{self._device(event.identity)},"margin":{event.margin}'
            f',"externalPowerSource":{"true" if external else "false"}'
            f',"batteryLevelUnavailable":{"true" if unknown else "false"},"batteryLevel":{float32(level)}}}'
        ).encode()

    def log(self, event: Log) -> bytes:
        """The body of a `log` event."""
        description = json.dumps(event.description, ensure_ascii=False)
        context = json.dumps(dict(event.context), ensure_ascii=False, separators=(",", ":"))
        return (
            f'{{"time":"{timestamp(event.time)}","deviceInfo":{self._device(event.identity)},"level":"{event.level}"'
            f',"code":"{event.code}","description":{description},"context":{context}}}'
        ).encode()
