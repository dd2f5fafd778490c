"""A small LoRaWAN network server over MQTT, independent of the simulator, that plays tricks on devices."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt
from chirpstack_api import gw
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from tests.simulator import lorawan_peer as peer
from tests.simulator.application_events import Application

CHANNELS = (867_100_000, 867_300_000, 867_500_000, 867_700_000, 867_900_000)
RX1_OFFSET, RX2_RATE, RX_DELAY = 1, 3, 2
LINK_ADR_AND_STATUS = bytes.fromhex("03fff9000106")  # keep rate and power, channels 0, 3 to 7; then DevStatusReq


@dataclass
class Frame:
    """A frame as it was opened, and how it came."""

    up: peer.Up
    gateways: set[str] = field(default_factory=set)
    times: int = 0  # transmissions: a gateway hears each once
    frequencies: list[int] = field(default_factory=list)


class NetworkServer:
    """Serves the devices of `keys` (DevEUI -> AppKey); everything it saw is public."""

    def __init__(self, keys: dict[str, bytes], application: Application | None = None) -> None:
        self.keys = keys
        self.application = application
        self.refused: Counter[str] = Counter()
        self._refused: set[bytes] = set()
        self.requests: dict[str, list[int]] = defaultdict(list)
        self.nonces_in_order: list[tuple[str, int]] = []
        self.activations: dict[int, peer.Activation] = {}
        self.frames: dict[tuple[str, int, int], Frame] = {}
        self.statuses: Counter[str] = Counter()
        self.late: int | None = None
        self.late_statuses: list[str] = []
        self.unacknowledged: set[tuple[str, int, int]] = set()
        self.acknowledged: set[tuple[str, int, int]] = set()
        self.statistics: dict[str, gw.GatewayStats] = {}
        self.states: dict[str, tuple[int, bool]] = {}
        self.failures: list[str] = []
        self._bytes_seen: dict[bytes, set[str]] = defaultdict(set)
        self._answered: set[str] = set()
        self._downlink = 0
        self._first_context: tuple[str, bytes] | None = None
        self._publish: Callable[[str, bytes], object] = lambda _topic, _body: None
        self._more = threading.Condition()

    def wait(self, condition: Callable[[], bool], seconds: float = 240) -> None:
        """Until the condition holds; what failed meanwhile is shown."""
        with self._more:
            held = self._more.wait_for(lambda: bool(self.failures) or condition(), timeout=seconds)
        assert not self.failures, self.failures
        assert held

    def take(self, message: mqtt.MQTTMessage) -> None:
        """Any message of a gateway."""
        _, _, gateway, kind, event = message.topic.split("/")
        with self._more:
            try:
                self._take(gateway, f"{kind}/{event}", message)
            except (AssertionError, KeyError, StopIteration, ValueError) as error:
                self.failures.append(f"{message.topic}: {error!r}")
            self._more.notify_all()

    def _take(self, gateway: str, what: str, message: mqtt.MQTTMessage) -> None:
        if what == "state/conn":
            self.states[gateway] = (gw.ConnState.FromString(message.payload).state, message.retain)
        elif what == "event/stats":
            self.statistics[gateway] = gw.GatewayStats.FromString(message.payload)
        elif what == "event/ack":
            ack = gw.DownlinkTxAck.FromString(message.payload)
            statuses = [gw.TxAckStatus.Name(item.status) for item in ack.items]
            self.statuses.update(statuses)
            if ack.downlink_id == self.late:
                self.late_statuses = statuses
        elif what == "event/up":
            self._uplink(gateway, gw.UplinkFrame.FromString(message.payload))

    def _uplink(self, gateway: str, frame: gw.UplinkFrame) -> None:
        assert frame.rx_info.gateway_id == gateway
        assert frame.rx_info.crc_status == gw.CRCStatus.CRC_OK
        phy = frame.phy_payload
        if phy[0] == 0:
            self._join(gateway, frame)
            return
        device = self.activations[peer.address(phy)]
        if self.application is not None and self._doubted(device, phy):
            return
        up = peer.read_up(device, phy)
        key = (device.dev_eui, device.dev_addr, up.f_cnt)
        kept = self.frames.setdefault(key, Frame(up))
        assert kept.up == up, "a counter means one frame"
        kept.gateways.add(gateway)
        # Another frequency, or the same gateway again: it was sent once more.
        first_copy = (
            gateway in self._bytes_seen[phy]
            or not self._bytes_seen[phy]
            or (frame.tx_info.frequency not in kept.frequencies)
        )
        if not first_copy:
            self._bytes_seen[phy].add(gateway)
            return
        self._bytes_seen[phy] = {gateway}
        if not kept.times and self.application is not None:
            self._publish(*self.application.up(device.dev_eui, device.dev_addr, up, frame))
        kept.times += 1
        kept.frequencies.append(frame.tx_info.frequency)
        device.next_up = up.f_cnt + 1
        self._answer(gateway, frame, device, key, up)

    def _doubted(self, device: peer.Activation, phy: bytes) -> bool:
        """A counter that was there before: refused, with an entry in the log for each frame that is another."""
        low = int.from_bytes(phy[6:8], "little")
        if low >= device.next_up or (phy in self._bytes_seen and low == device.next_up - 1):
            return False
        if phy not in self._bytes_seen and phy not in self._refused and self.application is not None:
            self._refused.add(phy)
            self.refused[device.dev_eui] += 1
            self._publish(*self.application.log(device.dev_eui, low))
        return True

    def _join(self, gateway: str, frame: gw.UplinkFrame) -> None:
        dev_eui = frame.phy_payload[16:8:-1].hex()
        request = peer.read_request(self.keys[dev_eui], frame.phy_payload)
        nonces = self.requests[dev_eui]
        if request.dev_nonce in nonces:
            return  # another gateway's copy
        assert not nonces or request.dev_nonce > nonces[-1], "DevNonces rise"
        nonces.append(request.dev_nonce)
        if len(nonces) == 1 and dev_eui == min(self.keys):
            return  # its first request is lost in the network
        dev_addr = 0x0048_0000 + len(self.activations)
        join_nonce = 0x10 + len(self.activations)
        key = self.keys[dev_eui]
        self.activations[dev_addr] = peer.activate(key, request, join_nonce, 0, dev_addr)
        if self.application is not None:
            self._publish(*self.application.join(dev_eui, dev_addr))
        phy = peer.accept(key, join_nonce, 0, dev_addr, RX1_OFFSET << 4 | RX2_RATE, RX_DELAY, CHANNELS)
        self._send(gateway, frame, phy, 5, offset=0, rx2_spread=12)

    def _answer(
        self, gateway: str, frame: gw.UplinkFrame, device: peer.Activation, key: tuple[str, int, int], up: peer.Up
    ) -> None:
        f_opts = b""
        if up.f_opts:
            self._answered.add(device.dev_eui)
            if self.application is not None and self.frames[key].times == 1:
                # LinkADRAns has 2 bytes, DevStatusAns 3; they come in pairs.
                for start in range(2, len(up.f_opts), 5):
                    battery, margin = up.f_opts[start + 1], up.f_opts[start + 2]
                    self._publish(*self.application.status(device.dev_eui, battery, margin))
        if device.dev_eui not in self._answered:  # the request or the answer may be lost on air
            f_opts = LINK_ADR_AND_STATUS
        if self._first_context is None:
            self._first_context = gateway, frame.rx_info.context
        elif self.late is None and self._first_context[0] == gateway and up.f_cnt > 0:
            # An order for the windows of a frame of long ago.
            old = gw.UplinkFrame()
            old.CopyFrom(frame)
            old.rx_info.context = self._first_context[1]
            self.late = self._downlink + 1
            self._send(gateway, old, b"\x60" + bytes(11), RX_DELAY)
        ack = up.confirmed
        if ack and not any(other[0] == device.dev_eui for other in self.unacknowledged):
            self.unacknowledged.add(key)
            ack = False  # the first time, the acknowledgement is lost
        if ack:
            self.acknowledged.add(key)
        if ack or f_opts:
            self._send(gateway, frame, peer.write_down(device, f_opts=f_opts, ack=ack), RX_DELAY)

    def _send(
        self,
        gateway: str,
        frame: gw.UplinkFrame,
        phy: bytes,
        delay: int,
        *,
        offset: int = RX1_OFFSET,
        rx2_spread: int = 12 - RX2_RATE,
    ) -> None:
        self._downlink += 1
        order = gw.DownlinkFrame(downlink_id=self._downlink, gateway_id=gateway)
        rx1 = (frame.tx_info.frequency, min(12, frame.tx_info.modulation.lora.spreading_factor + offset))
        for seconds, (frequency, spread) in ((delay, rx1), (delay + 1, (869_525_000, rx2_spread))):
            item = order.items.add(phy_payload=phy)
            item.tx_info.frequency, item.tx_info.power = frequency, 14
            lora = item.tx_info.modulation.lora
            lora.bandwidth, lora.spreading_factor, lora.code_rate = 125_000, spread, gw.CodeRate.CR_4_5
            lora.polarization_inversion = True
            item.tx_info.timing.delay.delay.seconds = seconds
            item.tx_info.context = frame.rx_info.context
        self._publish(f"eu868/gateway/{gateway}/command/down", order.SerializeToString())

    @contextmanager
    def on(self, url: str) -> Iterator[None]:
        """Serves through that broker."""
        ready = threading.Event()
        client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        client.on_message = lambda _client, _userdata, message: self.take(message)
        client.on_connect = lambda c, *_: c.subscribe([("eu868/gateway/+/event/+", 1), ("eu868/gateway/+/state/+", 1)])
        client.on_subscribe = lambda *_: ready.set()
        published: list[mqtt.MQTTMessageInfo] = []
        self._publish = lambda topic, body: published.append(client.publish(topic, body, qos=1))
        parts = urlsplit(url)
        client.connect(parts.hostname or "", parts.port or 1883)
        client.loop_start()
        try:
            assert ready.wait(10)
            yield
        finally:
            # A socket that is closed with something unread resets the connection, and what was written last is gone.
            for each in published:
                each.wait_for_publish(10)
            client.disconnect()
            client.loop_stop()
