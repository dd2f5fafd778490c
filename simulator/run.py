"""One run: history as fast as it is accepted, then real time, every message in the manifest before it leaves."""

from __future__ import annotations

import time
from pathlib import Path

from simulator.collector import seldom_collecting
from simulator.events.json_text import JsonEncoding
from simulator.events.model import Encoding
from simulator.faults.plan import Plan
from simulator.forecast import forecast
from simulator.manifest import Header, Manifest
from simulator.message import Message
from simulator.options import Expected, Options, Phase, Progress, Summary
from simulator.scenario.load import load
from simulator.scenario.model import Scenario
from simulator.scenario.thin import thinned
from simulator.sensors import Device, build
from simulator.station import SECOND, Session
from simulator.targets.file import FileTarget
from simulator.targets.model import Target
from simulator.territory import write
from simulator.traffic import Traffic
from simulator.window import Window, check, microseconds, moment, window

__all__ = ["Expected", "Options", "Progress", "Summary", "expected", "export", "run"]

_BATCH = 1000
_TELL_EVERY = 0.25
_HELD = 0.1
FLUSH_WITHIN = 10.0


def export(scenario: str | Path, path: Path, devices: int | None = None) -> None:
    """Writes the territory of a scenario, by name or file, as CSV; of about so many `devices`, all when None.

    Raises:
        SimulatorError: the scenario cannot be read, or the file not be written.
    """
    write(thinned(load(scenario), devices), path)


def expected(options: Options) -> Expected:
    """What a run with these options would send before real time; nothing is written.

    Raises:
        SimulatorError: a scenario or option that cannot be used.
    """
    scenario = thinned(load(options.scenario), options.devices)
    devices = build(scenario, scenario.seed if options.seed is None else options.seed)
    covered = window(options, None, microseconds(options.clock()))
    end = covered.live_from or covered.end or covered.start
    events = forecast(devices, scenario.faults, covered.start / SECOND, end / SECOND)
    return Expected(len(devices), events, moment(covered.start), moment(end))


def run(options: Options) -> Summary:
    """Simulates, publishes and keeps the truth, until the end asked for or until `options.stop` is set.

    Raises:
        SimulatorError: one line for the user: a scenario, option, manifest or target that cannot be used.
    """
    check(options)
    scenario = thinned(load(options.scenario), options.devices)
    seed = scenario.seed if options.seed is None else options.seed
    if options.territory is not None:
        write(scenario, options.territory)
    devices = build(scenario, seed)
    header = Header(scenario.scenario, seed, options.encoding, devices=options.devices)
    with Manifest(options.manifest, header, options.clock()) as manifest:
        covered = window(options, manifest.simulated_until(), microseconds(options.clock()))
        target = _target(options)
        try:
            with seldom_collecting():
                return _Run(options, scenario, seed, devices, manifest, target, covered).go()
        finally:
            target.close()


def _target(options: Options) -> Target:
    if options.file is not None:
        return FileTarget(options.file, options.stop)
    from simulator.targets.publisher import PublisherTarget

    return PublisherTarget(options.mqtt_url or "", options.stop)


def _encoding(name: str) -> Encoding:
    if name == "protobuf":
        from simulator.events.protobuf import ProtobufEncoding

        return ProtobufEncoding()
    return JsonEncoding()


def _plan(scenario: Scenario, seed: int, devices: list[Device], manifest: Manifest, start: int) -> Plan | None:
    began = manifest.began(start, lambda began: Plan(scenario, seed, began).described(devices))
    return Plan(scenario, seed, began) if scenario.faults.happen else None


class _Run:
    """The state of one run."""

    def __init__(
        self,
        options: Options,
        scenario: Scenario,
        seed: int,
        devices: list[Device],
        manifest: Manifest,
        target: Target,
        covered: Window,
    ) -> None:
        self._options = options
        self._scenario = scenario
        self._seed = seed
        self._devices = devices
        self._manifest = manifest
        self._target = target
        self._window = covered
        self._plan = _plan(scenario, seed, devices, manifest, covered.start)
        self._sessions = {device.dev_eui: Session() for device in devices} | manifest.sessions()
        self._encoding = _encoding(options.encoding)
        self._messages = 0
        self._copies = 0
        self._acknowledged = 0
        self._lost = 0
        self._began = time.monotonic()
        self._told = 0.0
        self._total: int | None = None
        self._phase: Phase = "history"

    def go(self) -> Summary:
        """Runs all phases."""
        options, covered = self._options, self._window
        at = covered.start
        if options.speed == "real":
            at = self._history(at, covered.live_from or at, following=True)
            if not options.stop.is_set():
                at = self._live(at)
        elif options.speed == "max":
            at = self._history(at, covered.end or at, following=False)
        else:
            at = self._paced(self._traffic(at, 1.0), covered.end, float(options.speed), at)
        outstanding = self._target.flush(FLUSH_WITHIN)
        self._publish([], None)
        self._tell(at, force=True)
        return Summary(
            messages=self._messages,
            copies=self._copies,
            acknowledged=self._acknowledged,
            outstanding=outstanding,
            lost_on_air=self._lost,
            simulated_from=moment(covered.start),
            simulated_until=moment(at),
            seconds=time.monotonic() - self._began,
        )

    def _traffic(self, start: int, divisor: float) -> Traffic:
        return Traffic(
            self._scenario, self._devices, self._sessions, self._encoding, self._seed, start, divisor, self._plan
        )

    def _history(self, start: int, end: int, *, following: bool) -> int:
        """As fast as accepted from start to end; with `following`, until now has been caught up with."""
        if end <= start:
            return start
        traffic = self._traffic(start, 1.0)
        self._total = forecast(self._devices, self._scenario.faults, start / SECOND, end / SECOND)
        self._tell(start, force=True)
        stop, clock = self._options.stop, self._options.clock
        while not stop.is_set():
            if following:
                end = max(end, microseconds(clock()))
            batch = traffic.take(_BATCH, end)
            done = traffic.next_at > end
            self._publish(batch, end if done else traffic.now)
            self._tell(traffic.now)
            self._wait_while_held()
            if done:
                break
        return self._finish(traffic, traffic.now if stop.is_set() else end)

    def _wait_while_held(self) -> None:
        hold = self._options.hold
        while hold is not None and hold.exists() and not self._options.stop.is_set():
            self._target.wait(_HELD)
            self._publish([], None)

    def _live(self, start: int) -> int:
        """Real time from the end of the history on."""
        self._phase, self._total = "live", None
        options = self._options
        divisor = options.interval_divisor or self._scenario.live_interval_divisor
        return self._paced(self._traffic(start, divisor), self._window.end, 1.0, start)

    def _paced(self, traffic: Traffic, end: int | None, speed: float, start: int) -> int:
        """Simulated time runs `speed` times as fast as the clock; at speed 1 it is the clock's."""
        self._phase = "live"
        clock, stop = self._options.clock, self._options.stop
        origin = start if self._options.speed == "real" else microseconds(clock())
        at = start
        while not stop.is_set() and (end is None or at < end):
            at = start + int((microseconds(clock()) - origin) * speed)
            if end is not None:
                at = min(at, end)
            batch = traffic.take(_BATCH, at)
            self._publish(batch, min(at, traffic.next_at - 1) if batch else None)
            self._tell(at)
            if len(batch) < _BATCH:
                ahead = min(traffic.next_at, end or traffic.next_at) - at
                self._target.wait(min(0.5, max(0.001, ahead / SECOND / speed)))
        return self._finish(traffic, at)

    def _finish(self, traffic: Traffic, at: int) -> int:
        """Delivers what was heard before `at` and had not been published yet."""
        self._publish(list(traffic.drain()), at)
        self._lost += traffic.lost_on_air
        return at

    def _publish(self, batch: list[Message], until: int | None) -> None:
        acknowledged = self._target.acknowledged()
        if not batch and not acknowledged and until is None:
            return
        self._acknowledged += len(acknowledged)
        self._messages += self._manifest.record(batch, acknowledged, until)
        for message in batch:
            if message.expect == "unsent":
                continue
            if not self._target.publish(message.id, message.topic, message.body, qos=message.qos):
                return
            self._copies += 1

    def _tell(self, at: int, *, force: bool = False) -> None:
        now = time.monotonic()
        if force or now - self._told >= _TELL_EVERY:
            self._told = now
            self._options.progress(Progress(self._copies, self._total, self._acknowledged, self._phase, moment(at)))
