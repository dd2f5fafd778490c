"""Events as ChirpStack's protobuf messages (package `integration`)."""

from __future__ import annotations

from chirpstack_api import common, gw, integration
from google.protobuf.message import Message

from simulator.events.model import Identity, Join, Log, RxInfo, Status, Uplink, since_gps_epoch

_NANO = 1_000_000_000


class ProtobufEncoding:
    """Writes events as protobuf; `deviceInfo` of a device is built once."""

    def __init__(self) -> None:
        self._devices: dict[str, integration.DeviceInfo] = {}

    def _device(self, identity: Identity) -> integration.DeviceInfo:
        info = self._devices.get(identity.dev_eui)
        if info is None:
            info = integration.DeviceInfo(
                tenant_id=identity.tenant_id,
                tenant_name=identity.tenant_name,
                application_id=identity.application_id,
                application_name=identity.application_name,
                device_profile_id=identity.device_profile_id,
                device_profile_name=identity.device_profile_name,
                device_name=identity.device_name,
                dev_eui=identity.dev_eui,
                device_class_enabled=common.DeviceClass.CLASS_A,
                tags=dict(identity.tags),
            )
            self._devices[identity.dev_eui] = info
        return info

    def up(self, event: Uplink) -> bytes:
        """The body of an `up` event."""
        message = integration.UplinkEvent(
            deduplication_id=event.deduplication_id,
            device_info=self._device(event.identity),
            dev_addr=event.dev_addr,
            adr=True,
            dr=event.dr,
            f_cnt=event.f_cnt,
            f_port=event.f_port,
            data=event.data,
            rx_info=[_rx(rx) for rx in event.rx],
            tx_info=gw.UplinkTxInfo(
                frequency=event.frequency,
                modulation=gw.Modulation(
                    lora=gw.LoraModulationInfo(
                        bandwidth=125000,
                        spreading_factor=event.spreading_factor,
                        code_rate=gw.CodeRate.CR_4_5,
                    )
                ),
            ),
            region_config_id="eu868",
        )
        message.time.seconds, message.time.nanos = divmod(event.time, _NANO)
        return _written(message)

    def join(self, event: Join) -> bytes:
        """The body of a `join` event."""
        message = integration.JoinEvent(
            deduplication_id=event.deduplication_id,
            device_info=self._device(event.identity),
            dev_addr=event.dev_addr,
            region_config_id="eu868",
        )
        message.time.seconds, message.time.nanos = divmod(event.time, _NANO)
        return _written(message)

    def status(self, event: Status) -> bytes:
        """The body of a `status` event."""
        unknown, external = event.battery == 255, event.battery == 0
        message = integration.StatusEvent(
            deduplication_id=event.deduplication_id,
            device_info=self._device(event.identity),
            margin=event.margin,
            external_power_source=external,
            battery_level_unavailable=unknown,
            battery_level=0.0 if unknown or external else event.battery / 254 * 100,
        )
        message.time.seconds, message.time.nanos = divmod(event.time, _NANO)
        return _written(message)

    def log(self, event: Log) -> bytes:
        """The body of a `log` event."""
        message = integration.LogEvent(
            device_info=self._device(event.identity),
            level=event.level,
            code=event.code,
            description=event.description,
            context=dict(event.context),
        )
        message.time.seconds, message.time.nanos = divmod(event.time, _NANO)
        return _written(message)


def _written(message: Message) -> bytes:
    """With maps in the order of their keys: two runs with one seed send the same bytes."""
    return message.SerializeToString(deterministic=True)


def _rx(rx: RxInfo) -> gw.UplinkRxInfo:
    info = gw.UplinkRxInfo(
        gateway_id=rx.gateway.gateway_id,
        uplink_id=rx.uplink_id,
        rssi=rx.rssi,
        snr=rx.snr,
        channel=rx.channel,
        rf_chain=rx.rf_chain,
        location=common.Location(
            latitude=rx.gateway.latitude, longitude=rx.gateway.longitude, altitude=rx.gateway.altitude
        ),
        context=rx.context,
        crc_status=gw.CRCStatus.CRC_OK,
    )
    info.ns_time.seconds, info.ns_time.nanos = divmod(rx.ns_time, _NANO)
    if rx.gw_time is not None:
        info.gw_time.seconds, info.gw_time.nanos = divmod(rx.gw_time, _NANO)
    if rx.gps_time is not None:
        span = info.time_since_gps_epoch
        span.seconds, span.nanos = divmod(since_gps_epoch(rx.gps_time), _NANO)
    return info
