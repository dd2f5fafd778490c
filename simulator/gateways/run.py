"""A run at gateway level: virtual gateways on a broker, with a network server at the other end."""

from __future__ import annotations

import time
from collections import Counter

from simulator.faults.plan import Plan
from simulator.gateways.actions import Happened
from simulator.gateways.air import Air
from simulator.gateways.airlog import AirLog
from simulator.gateways.gateway import VirtualGateway
from simulator.gateways.messages import conn, order, stats, tx_ack, uplink
from simulator.gateways.options import AirOptions, AirSummary
from simulator.gateways.troubles import paced
from simulator.lorawan.state import StateFile
from simulator.manifest import Header, Manifest
from simulator.message import Message
from simulator.noise import mix
from simulator.options import Progress
from simulator.scenario.load import load
from simulator.scenario.model import Scenario
from simulator.sensors import build
from simulator.station import SECOND
from simulator.targets.mqtt import MqttTarget
from simulator.window import microseconds, moment

__all__ = ["AirOptions", "AirSummary", "run"]

_BATCH = 500
_TELL_EVERY = 0.25
FLUSH_WITHIN = 10.0


def run(options: AirOptions) -> AirSummary:
    """Drives a network server until the end asked for or until `options.stop` is set.

    What goes on air is in the manifest, and the devices' counters are on disk, before it is published.

    Raises:
        SimulatorError: one line for the user: a scenario, option, manifest, state file or broker that cannot be used.
    """
    options.check()
    scenario, left = paced(load(options.scenario), options.faster)
    if left:
        options.notice("faults that do not apply at gateway level, and are left out: " + ", ".join(left))
    seed = scenario.seed if options.seed is None else options.seed
    header = Header(scenario.scenario, seed, options.encoding, level="gateway")
    with Manifest(options.manifest, header, options.clock()) as manifest:
        states = StateFile(options.state_file, scenario.scenario, seed)
        log = AirLog(options.manifest)
        try:
            return _Run(options, scenario, seed, manifest, states, log).go()
        finally:
            log.close()
            states.close()


class _Run:
    """The state of one run."""

    def __init__(
        self, options: AirOptions, scenario: Scenario, seed: int, manifest: Manifest, states: StateFile, log: AirLog
    ) -> None:
        self._options = options
        self._manifest = manifest
        self._states = states
        self._log = log
        self._start = self._now()
        self._gateways = [
            VirtualGateway(index, spec, self._start - mix(seed, index) % (3600 * SECOND))
            for index, spec in enumerate(scenario.gateways)
        ]
        self._by_id: dict[str, VirtualGateway] = {gateway.spec.id: gateway for gateway in self._gateways}
        devices = build(scenario, seed)
        began = manifest.began(self._start, lambda began: Plan(scenario, seed, began).described(devices))
        self._air = Air(
            scenario,
            devices,
            states.load(),
            self._gateways,
            seed,
            self._start,
            divisor=options.faster,
            confirmed=options.confirmed,
            plan=Plan(scenario, seed, began) if scenario.faults.happen else None,
        )
        self._prefix = f"{options.prefix}/gateway" if options.prefix else "gateway"
        topics = [f"{self._prefix}/{gateway_id}/command/down" for gateway_id in self._by_id]
        self._orders: list[tuple[str, bytes]] = []
        self._target = MqttTarget(options.mqtt_url, options.stop, topics, self._ordered)
        self._stats_at = self._start
        self._count: Counter[str] = Counter()
        self._statuses: Counter[str] = Counter()
        self._told = 0.0
        self._began = time.monotonic()

    def _now(self) -> int:
        return microseconds(self._options.clock())

    def go(self) -> AirSummary:
        """Runs, and signs off."""
        options = self._options
        end = None if options.duration is None else self._start + int(options.duration.total_seconds() * SECOND)
        try:
            self._conn(online=True)
            while not options.stop.is_set() and (end is None or self._now() < end):
                self._tick(end)
            happened = Happened()
            self._air.drain(happened)
            self._publish(happened)
            self._conn(online=False)
            outstanding = self._target.flush(FLUSH_WITHIN)
            self._record([])
        finally:
            self._target.close()
        self._tell(self._now(), end, force=True)
        return AirSummary(
            devices=len(self._air.fields),
            joined=sum(one.device.joined for one in self._air.fields),
            join_requests=self._count["join_requests"],
            frames=self._count["frames"],
            copies=self._count["copies"],
            acknowledged=self._count["acknowledged"],
            outstanding=outstanding,
            repetitions=self._count["repetitions"],
            lost_on_air=self._air.lost,
            downlinks=self._count["downlinks"],
            statuses=dict(self._statuses),
            seconds=time.monotonic() - self._began,
        )

    def _tick(self, end: int | None) -> None:
        now = self._now()
        if now >= self._stats_at:
            self._stats(now)
            self._stats_at = now + self._options.stats_interval * SECOND
        happened = Happened()
        while self._air.next_at <= now and len(happened.copies) < _BATCH:
            self._air.step(now, happened)
            now = self._now()
        self._publish(happened)
        self._tell(now, end)
        ahead = min(self._air.next_at, self._stats_at, end or self._stats_at) - self._now()
        self._target.wait(min(0.25, max(0.001, ahead / SECOND)))
        orders, self._orders = self._orders, []
        for topic, body in orders:
            self._command(topic, body)

    def _publish(self, happened: Happened) -> None:
        """On disk first: nonces and counters, then what is sent; then the broker."""
        self._states.save(happened.changed.items())
        copies = [message for _, message in happened.copies if message is not None]
        self._record(copies)
        rows = [row if message is None else row._replace(message=message.id) for row, message in happened.sent]
        self._log.record(rows, happened.heard)
        self._count["join_requests"] += sum(row.kind == "join" for row in rows)
        self._count["repetitions"] += sum(row.attempt > 1 and row.kind == "data" for row in rows)
        self._count["downlinks"] += len(happened.heard)
        for copy, message in happened.copies:
            topic = f"{self._prefix}/{copy.gateway.id}/event/up"
            key = 0 if message is None else message.id
            if not self._target.publish(key, topic, uplink(copy, self._options.encoding)):
                return
            self._count["copies"] += message is not None

    def _record(self, copies: list[Message]) -> None:
        acknowledged = [key for key in self._target.acknowledged() if key]
        self._count["acknowledged"] += len(acknowledged)
        if copies or acknowledged:
            self._count["frames"] += self._manifest.record(copies, acknowledged, self._now())

    def _ordered(self, topic: str, body: bytes) -> None:
        self._orders.append((topic, body))

    def _command(self, topic: str, body: bytes) -> None:
        """A `command/down` came in: answer what becomes of it, and put it on air."""
        gateway = self._by_id.get(topic.split("/")[-3])
        read = order(body, self._options.encoding)
        if gateway is None or read is None:
            return
        statuses, down = gateway.obey(read, self._now())
        self._statuses.update(statuses)
        ack = tx_ack(gateway.spec.id, read.downlink_id, statuses, self._options.encoding)
        self._target.publish(0, f"{self._prefix}/{gateway.spec.id}/event/ack", ack)
        if down is not None:
            self._air.send(down)

    def _stats(self, now: int) -> None:
        for gateway in self._gateways:
            body = stats(gateway.spec, gateway.count(), now, self._options.encoding)
            self._target.publish(0, f"{self._prefix}/{gateway.spec.id}/event/stats", body)

    def _conn(self, *, online: bool) -> None:
        for gateway_id in self._by_id:
            body = conn(gateway_id, online=online, encoding=self._options.encoding)
            self._target.publish(0, f"{self._prefix}/{gateway_id}/state/conn", body, retain=True)

    def _tell(self, at: int, end: int | None, *, force: bool = False) -> None:
        now = time.monotonic()
        if force or now - self._told >= _TELL_EVERY:
            self._told = now
            done, acknowledged = self._count["copies"], self._count["acknowledged"]
            self._options.progress(Progress(done, None, acknowledged, "live", moment(min(at, end or at))))
