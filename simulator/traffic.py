"""What happens when: reports, joins and daily status of every device, and the messages they become, in order."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from simulator.events.model import Encoding
from simulator.faults.frame import Sending
from simulator.faults.plan import Plan
from simulator.faults.trouble import Trouble
from simulator.message import Message
from simulator.network import DEDUPLICATION, Network
from simulator.noise import Draws, unit
from simulator.radio import Nearby
from simulator.scenario.model import Scenario
from simulator.sensors import Device
from simulator.station import SECOND, Session, Station


@dataclass(frozen=True, slots=True)
class _Report:
    station: Station


@dataclass(frozen=True, slots=True)
class _DailyStatus:
    station: Station


@dataclass(frozen=True, slots=True)
class _JoinRequest:
    station: Station


@dataclass(frozen=True, slots=True)
class _Boot:
    """The device starts anew, outside of its rhythm: with a join and a report soon after, or its counter alone."""

    station: Station
    joins: bool


@dataclass(frozen=True, slots=True)
class _Once:
    """A report outside of the rhythm."""

    station: Station


_Action = _Boot | _Once | _Report | _DailyStatus | _JoinRequest | Message


_FLUSH = 60 * SECOND
_UNDOUBTED = frozenset({"stuck", "drifting", "dying", "retransmitted", "codec_error", "duplicate"})


class Traffic:
    """The messages of a scenario from a moment on, in the order they are published."""

    def __init__(
        self,
        scenario: Scenario,
        devices: list[Device],
        sessions: Mapping[str, Session],
        encoding: Encoding,
        seed: int,
        start: int,
        divisor: float = 1.0,
        plan: Plan | None = None,
    ) -> None:
        self.now = start
        self.lost_on_air = 0
        self._faults = scenario.faults
        self._plan = plan
        self._network = Network(scenario.gateways, encoding, seed)
        self._heap: list[tuple[int, int, _Action]] = []
        self._turn = 0
        nearby = Nearby(scenario.gateways)
        for device in devices:
            near = nearby.of(device.site.latitude, device.site.longitude)
            station = Station(scenario, device, sessions[device.dev_eui], divisor, near, spaced=True)
            if plan is not None:
                station.trouble = Trouble(plan, device)
                self._plan_boots(station, station.trouble, start)
            self._begin(station, start)

    def _plan_boots(self, station: Station, trouble: Trouble, start: int) -> None:
        for at, how in trouble.boots():
            if at > max(start, int(station.device.installed_at * SECOND)):
                self._push(at, _Boot(station, how == "join"))

    def _begin(self, station: Station, start: int) -> None:
        start = max(start, int(station.device.installed_at * SECOND))
        if not station.session.dev_addr:
            self._push(start + int(90 * SECOND * unit(station.device.seed, 5)), _JoinRequest(station))
            return
        self._push(station.report_after(start), _Report(station))
        self._push(station.status_after(start), _DailyStatus(station))

    def _push(self, at: int, action: _Action) -> None:
        self._turn += 1
        heapq.heappush(self._heap, (at, self._turn, action))

    @property
    def next_at(self) -> int:
        """When something happens next."""
        return self._heap[0][0]

    def step(self) -> Message | None:
        """Lets the next thing happen; a message when it is one to publish (again, when its `id` is set)."""
        at, _, action = self._heap[0]
        if at > self.now:
            self.now = at
        if not isinstance(action, _Report):
            heapq.heappop(self._heap)
            if isinstance(action, Message):
                return action
        station = action.station
        if isinstance(action, _Boot):
            self._boot(station, at, joins=action.joins)
            return None
        draws = Draws(station.device.seed, at)
        speechless = station.trouble is not None and station.trouble.speechless(at)
        sendings: list[Sending] = []
        if isinstance(action, (_Report, _Once)):
            if not speechless:
                sendings = self._network.report(station, at, draws)
                self.lost_on_air += not sendings
            if isinstance(action, _Report):
                self._turn += 1
                heapq.heapreplace(self._heap, (station.report_after(at), self._turn, action))
        elif isinstance(action, _DailyStatus):
            status = None if speechless else self._network.status(station, at, draws)
            sendings = [] if status is None else [Sending(status)]
            self._push(station.status_after(at), action)
        else:
            sendings = [Sending(self._network.join(station, at, draws))]
            self._push(station.report_after(at + 5 * SECOND), _Report(station))
            self._push(station.status_after(at + 5 * SECOND), _DailyStatus(station))
        for sending in sendings:
            self._publish(station, at, sending, draws)
        return None

    def take(self, most: int, until: int) -> list[Message]:
        """What is published next up to a moment, at most so many messages."""
        taken: list[Message] = []
        heap, step = self._heap, self.step
        while len(taken) < most and heap[0][0] <= until:
            message = step()
            if message is not None:
                taken.append(message)
        return taken

    def _boot(self, station: Station, at: int, *, joins: bool) -> None:
        if station.trouble is not None and station.trouble.speechless(at):
            return
        if not joins:
            station.session.f_cnt = 0
            return
        draws = Draws(station.device.seed ^ 1, at)
        self._publish(station, at, Sending(self._network.join(station, at, draws)), draws)
        self._push(at + 6 * SECOND, _Once(station))

    def drain(self) -> Iterator[Message]:
        """What was heard and is still on its way to the broker; for a clean stop."""
        waiting = sorted(item for item in self._heap if isinstance(item[2], Message))
        self._heap = [item for item in self._heap if not isinstance(item[2], Message)]
        heapq.heapify(self._heap)
        for _, _, message in waiting:
            if isinstance(message, Message):
                yield message

    def _publish(self, station: Station, at: int, sending: Sending, draws: Draws) -> None:
        message, heard = sending.message, at
        at += DEDUPLICATION + 20_000 + draws.below(80_000) + sending.later
        faults = [] if message.fault is None else message.fault.split()
        disordered = draws.unit() < self._faults.disorder_rate and message.fault is None
        if disordered:
            faults.append("disorder")
            at += 5 * SECOND + draws.below(115 * SECOND)
        again = draws.unit() < self._faults.duplicate_rate
        plan = self._plan
        if plan is not None and plan.server_away(heard):
            # What it had heard dies with it.
            faults.append("chirpstack_restart")
            message.expect, message.outcome, message.reason, again = "unsent", None, None, False
            message.truths, message.marks = (), ()
        held = None if plan is None else plan.held_until(heard)
        if held is not None:
            faults.append("backlog")
            message.marks = ()
            at = max(at, held + draws.below(_FLUSH))
        if again:
            faults.append("duplicate")
        if station.trouble is not None and message.event == "up" and message.expect != "repeat":
            station.trouble.passed(heard, message.truths, good=_UNDOUBTED.issuperset(faults))
        message.fault = " ".join(faults) if faults else None
        self._push(at, message)
        if again:
            self._push(at + 50_000 + draws.below(4 * SECOND), message)
