"""`terroir demo`: everything on this machine, watched, and stopped in order."""

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from services.core.clock import Clock, system_clock
from services.demo.addresses import addresses
from services.demo.crew import Crew, service_settings
from services.demo.figures import Figures, Observer
from services.demo.ground import Ground, Ports, choose_ports, import_devices, prepare_database, read_key
from services.demo.pace import Pace, Valve
from services.demo.screen import Screen, figure, history_line, live_line
from services.demo.service import Service
from services.demo.state import DemoFailed, StateFolder, held

_LOOK_EVERY = 1.0
# A meter's frame carries the hours before it, so the oldest value is older than the oldest frame.
_OLDER_THAN_FRAMES = timedelta(days=7)
_READY_WITHIN = 60.0
_DRAIN_STALLS_AFTER = 20.0
_LONG = timedelta(days=60)


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for. `duration` counts live data; ports may be 0; `faster`: how much more often devices report."""

    folder: Path
    duration: timedelta | None = None
    check: bool = False
    days: int = 30
    scenario: str = "village"
    devices: int | None = None
    faster: float = 20.0
    port: int = 8000
    database_port: int = 15432
    mqtt_port: int = 11883
    fresh: bool = False


def run(options: Options, stop: threading.Event, clock: Clock = system_clock) -> bool:
    """Run the demo until `stop` is set or its time is over. False when `check` was asked for and found a fault.

    Raises one of services.demo.errors.CANNOT with what the user can do.
    """
    screen = Screen()
    with held(options.folder) as state, ExitStack() as stack:
        if options.fresh:
            state.empty()
        state.prepare_logs()
        ports = choose_ports(options.port, options.database_port, options.mqtt_port)
        state.announce(f"http://127.0.0.1:{ports.api}/")
        screen.say(f"state folder: {state.folder} (removing it removes the demo)")
        ground = Ground(state, ports, screen.say)
        stack.callback(ground.stop)
        ground.start()
        prepare_database(ground, screen.say)
        observer = Observer(state, ground.url, ports.ingest_metrics, clock)
        stack.callback(observer.close)
        return _Demo(options, state, ports, screen, ground, observer, stop, clock).go()


class _Demo:
    """One run on ground that stands."""

    def __init__(
        self,
        options: Options,
        state: StateFolder,
        ports: Ports,
        screen: Screen,
        ground: Ground,
        observer: Observer,
        stop: threading.Event,
        clock: Clock,
    ) -> None:
        self._options = options
        self._state = state
        self._ports = ports
        self._screen = screen
        self._ground = ground
        self._observer = observer
        self._stop = stop
        self._clock = clock
        self._opened_at = clock()
        self._since = observer.simulated_until or self._opened_at - timedelta(days=options.days)
        oldest = min(self._since, self._opened_at - timedelta(days=options.days))
        late_limit = self._opened_at - oldest + _OLDER_THAN_FRAMES
        self._settings = service_settings(ground, ports, late_limit)
        self._territory = (
            *("simulate", options.scenario),
            *(() if options.devices is None else ("--devices", str(options.devices))),
        )
        self._valve = Valve(state.hold)
        self._pace = Pace(self._since, self._opened_at)
        self._crew = Crew(
            state,
            self._settings,
            (*self._territory, "--quiet", *self._simulation()),
            say=screen.say,
            simulator_restarted=observer.sent.forget_unacknowledged,
        )

    def _simulation(self) -> tuple[str, ...]:
        return (
            "--manifest",
            str(self._state.manifest),
            "--since",
            self._since.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "--faster",
            str(self._options.faster),
            "--wait-while",
            str(self._state.hold),
        )

    def go(self) -> bool:
        try:
            key = self._start()
            self._follow(self._history_line, self._history_ends)
            self._say_where(key)
            self._observer.forget_rate()
            self._follow(live_line, self._time_is_over())
            sound = self._check() if self._options.check else True
        finally:
            self._crew.stop()
        self._say_farewell()
        return sound

    def _start(self) -> str:
        exporter = Service(
            "territory",
            (*self._territory, "--territory", str(self._state.territory)),
            self._state,
            self._settings,
        )
        import_devices(exporter, self._ground, self._state, self._clock, self._screen.say)
        key = read_key(self._ground, self._state, self._clock)
        self._foretell()
        self._crew.start()
        deadline = time.monotonic() + _READY_WITHIN
        while not self._crew.ready() and not self._stop.wait(0.05):
            self._crew.tend()
            if time.monotonic() > deadline:
                raise DemoFailed(f"ingest and API are not ready after {_READY_WITHIN:.0f} s: see {self._state.logs}")
        if not self._stop.is_set():
            self._crew.simulator.start()
        return key

    def _foretell(self) -> None:
        """Says how much history there is to send, where that is more than a moment's work."""
        if self._opened_at - self._since > _LONG:
            since = self._since.strftime("%Y-%m-%dT%H:%M:%S%z")
            estimate = (*self._territory, "--estimate", "--since", since)
            Service("estimate", estimate, self._state, self._settings).answer(self._stop, self._screen.say)

    def _follow(self, line: Callable[[Figures], str], over: Callable[[Figures], bool]) -> None:
        """Tend everything and renew the live line until `over`, or until the demo is asked to stop."""
        while not self._stop.is_set():
            self._ground.tend()
            self._crew.tend()
            figures = self._observer.look()
            self._valve.turn(figures.waiting)
            self._screen.renew(line(figures))
            if over(figures):
                return
            self._stop.wait(_LOOK_EVERY)

    def _history_line(self, figures: Figures) -> str:
        until = self._observer.simulated_until
        return history_line(self._since, until, self._opened_at, figures, self._pace.left(until))

    def _history_ends(self, figures: Figures) -> bool:
        """Sent up to the moment this run began, and stored but for what is in flight."""
        until = self._observer.simulated_until
        return until is not None and until >= self._opened_at and figures.waiting < 100

    def _time_is_over(self) -> Callable[[Figures], bool]:
        duration, began = self._options.duration, time.monotonic()

        def over(_figures: Figures) -> bool:
            return duration is not None and time.monotonic() - began >= duration.total_seconds()

        return over

    def _check(self) -> bool:
        """Send nothing more, let everything arrive, and compare. False on any fault, or when interrupted."""
        say = self._screen.say
        if self._stop.is_set():
            say("check: interrupted before its time, nothing was compared")
            return False
        say("check: sending has ended, waiting for what is under way")
        self._crew.stop_sending()
        self._drain()
        say("check: comparing everything sent with everything stored")
        verdict = Service("verdict", ("verify", str(self._state.manifest)), self._state, self._settings)
        return verdict.answer(self._stop, say)

    def _drain(self) -> None:
        """Until nothing waits in the broker any more, or nothing has arrived for a while."""
        waiting, progress_at = -1, time.monotonic()
        while time.monotonic() - progress_at < _DRAIN_STALLS_AFTER and not self._stop.is_set():
            self._ground.tend()
            self._crew.tend()
            figures = self._observer.look()
            if not figures.waiting:
                return
            if figures.waiting != waiting:
                waiting, progress_at = figures.waiting, time.monotonic()
            self._stop.wait(0.2)
        self._screen.say(f"check: {figure(waiting)} acknowledged messages have not arrived")

    def _say_where(self, key: str) -> None:
        if not self._stop.is_set():
            for line in addresses(self._state, self._ports, self._ground, key):
                self._screen.say(line)

    def _say_farewell(self) -> None:
        figures = self._observer.look()
        self._screen.say(f"stopped: {live_line(figures)}")
