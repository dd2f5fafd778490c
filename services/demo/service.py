"""A process of ours in the demo: started, started again when it dies, stopped in order."""

import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

from services.demo.account import Account
from services.demo.child import Child, log_tail
from services.demo.state import DemoFailed, StateFolder

_TOO_OFTEN = 6
_WITHIN = 60.0
_LOOK_EVERY = timedelta(seconds=0.2)
_OURSELVES = Account(None, None)


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """What our processes see: the machine's environment without anybody's TERROIR_ and PG settings, and ours."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name == "TERROIR_CACHE" or not name.startswith(("TERROIR_", "PG"))
    }
    return {**kept, **{f"TERROIR_{name.upper()}": value for name, value in settings.items()}}


def command(*arguments: str) -> list[str]:
    """`terroir` with these arguments, whatever the working folder holds."""
    return [sys.executable, "-P", "-m", "services.cli", *arguments]


class Service:
    """One subcommand of `terroir` that must run. Its output goes to a log of its name in the state folder."""

    def __init__(self, name: str, arguments: Sequence[str], state: StateFolder, settings: Mapping[str, str]) -> None:
        self.name = name
        self.restarts = 0
        self._arguments = tuple(arguments)
        self._state = state
        self._environment = environment(settings)
        self._child: Child | None = None
        self._starts: deque[float] = deque(maxlen=_TOO_OFTEN)

    @property
    def pid(self) -> int | None:
        """Process id; None when it does not run."""
        return self._child.pid if self._child is not None and self._child.alive else None

    def start(self) -> None:
        self._starts.append(time.monotonic())
        self._child = Child(
            command(*self._arguments),
            log=self._state.log(self.name),
            account=_OURSELVES,
            environment=self._environment,
            # While one of us lives the folder counts as in use.
            keep_open=[self._state.lock],
        )

    def tend(self, say: Callable[[str], None]) -> bool:
        """Start it again when it has died; whether that was done. Raises DemoFailed when it cannot run."""
        child = self._child
        if child is None or child.alive:
            return False
        now = time.monotonic()
        lately = [at for at in self._starts if at > now - _WITHIN]
        log = self._state.log(self.name)
        how = describe_end(child.status)
        # Status 2 is a setting that is wrong from the first start on; later, something it needs is away for a while.
        if len(lately) == _TOO_OFTEN or (child.status == 2 and not self.restarts):
            raise DemoFailed(f"{self.name} {how}. The end of {log}:\n{log_tail(log)}")
        if len(lately) > 1 and now < lately[-1] + 2 ** len(lately) / 4:
            return False
        say(f"{self.name} {how}: started again (see {log})")
        self.restarts += 1
        self.start()
        return True

    def run_once(self, patience: timedelta) -> None:
        """Run it to its end. Raises DemoFailed with what it said when it takes too long or does not succeed."""
        self.start()
        child, log = self._child, self._state.log(self.name)
        if child is None or not child.wait(patience) or child.status != 0:
            self.stop()
            raise DemoFailed(f"{self.name} failed. The end of {log}:\n{log_tail(log)}")

    def answer(self, stop: threading.Event, say: Callable[[str], None]) -> bool:
        """Run a check to its end, or until `stop` is set; say what it says. False when that is no, or no end came."""
        log = self._state.log(self.name)
        log.unlink(missing_ok=True)
        self.start()
        child = self._child
        while child is not None and not child.wait(_LOOK_EVERY) and not stop.is_set():
            pass
        ended = child is not None and not child.alive
        if not ended:
            say(f"{self.name}: interrupted before its end")
        for line in log.read_text(encoding="utf-8").splitlines():
            say(line)
        self.stop()
        return ended and child is not None and child.status == 0

    def stop(self, patience: timedelta = timedelta(seconds=15)) -> None:
        """SIGTERM and, when that is not enough, SIGKILL; nothing if it does not run."""
        if self._child is not None:
            self._child.stop((signal.SIGTERM, patience))
            self._child = None


def describe_end(status: int | None) -> str:
    """How a process ended, in words."""
    if status is not None and status < 0:
        return f"was ended by {signal.Signals(-status).name}"
    return f"ended with status {status}"
