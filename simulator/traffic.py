"""What happens when: reports, joins and daily status of every device, and the messages they become, in order."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from simulator.events.model import Encoding
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


_Action = _Report | _DailyStatus | _JoinRequest | Message


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
    ) -> None:
        self.now = start
        self.lost_on_air = 0
        self._faults = scenario.faults
        self._network = Network(scenario.gateways, encoding, seed)
        self._heap: list[tuple[int, int, _Action]] = []
        self._turn = 0
        nearby = Nearby(scenario.gateways)
        for device in devices:
            near = nearby.of(device.site.latitude, device.site.longitude)
            self._begin(Station(scenario, device, sessions[device.dev_eui], divisor, near), start)

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
        at, _, action = heapq.heappop(self._heap)
        self.now = max(self.now, at)
        if isinstance(action, Message):
            return action
        station = action.station
        draws = Draws(station.device.seed, at)
        if isinstance(action, _Report):
            message = self._network.report(station, at, draws)
            self.lost_on_air += message is None
            self._push(station.report_after(at), action)
        elif isinstance(action, _DailyStatus):
            message = self._network.status(station, at, draws)
            self._push(station.status_after(at), action)
        else:
            message = self._network.join(station, at, draws)
            self._push(station.report_after(at + 5 * SECOND), _Report(station))
            self._push(station.status_after(at + 5 * SECOND), _DailyStatus(station))
        if message is not None:
            self._publish(at, message, draws)
        return None

    def drain(self) -> Iterator[Message]:
        """What was heard and is still on its way to the broker; for a clean stop."""
        waiting = sorted(item for item in self._heap if isinstance(item[2], Message))
        self._heap = [item for item in self._heap if not isinstance(item[2], Message)]
        heapq.heapify(self._heap)
        for _, _, message in waiting:
            if isinstance(message, Message):
                yield message

    def _publish(self, at: int, message: Message, draws: Draws) -> None:
        at += DEDUPLICATION + 20_000 + draws.below(80_000)
        faults: list[str] = []
        if draws.unit() < self._faults.disorder_rate:
            faults.append("disorder")
            at += 5 * SECOND + draws.below(115 * SECOND)
        again = draws.unit() < self._faults.duplicate_rate
        if again:
            faults.append("duplicate")
        message.fault = " ".join(faults) or None
        self._push(at, message)
        if again:
            self._push(at + 50_000 + draws.below(4 * SECOND), message)
