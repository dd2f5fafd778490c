"""The processes of a pool and what each is busy with."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from decoders.codec.program import Call
from decoders.javascript.process import Child, Limits


@dataclass(slots=True, eq=False)
class Seat:
    """A child; the calls it was given and has not answered, by number; until when it may take for the first of them.

    ``since`` and ``worked``: the clock and the child's processor time when that one was begun.
    """

    child: Child
    deadline: float
    since: float = 0.0
    worked: float = 0.0
    asked: deque[int] = field(default_factory=deque[int])


class Crew:
    """At most so many processes, started when they are needed."""

    def __init__(self, limits: Limits, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.limits = limits
        self.clock = clock
        self.seats: list[Seat] = []
        self._most = most
        self._keys: dict[str, int] = {}

    def staff(self, wanted: int) -> None:
        """Have that many seats, or as many as there may be. Raises EngineMissing, OSError."""
        while len(self.seats) < min(wanted, self._most):
            now = self.clock()
            self.seats.append(Seat(Child(self.limits), now + self.limits.start_seconds, now))

    def replace_dead(self) -> None:
        """Forget idle processes that somebody has ended."""
        for seat in [seat for seat in self.seats if not seat.asked and seat.child.process.poll() is not None]:
            self.dismiss(seat)

    def give(self, seat: Seat, number: int, call: Call) -> None:
        """Queue a call for the seat's process, with its codec where that is not known there."""
        key = self.key(call.program.label)
        if key not in seat.child.known:
            seat.child.learn(key, call.program.source, call.program.variables)
        seat.child.ask(key, call.f_port, call.milliseconds, call.payload)
        if not seat.asked and seat.child.ready:
            self.restart_watch(seat)
        seat.asked.append(number)

    def restart_watch(self, seat: Seat) -> None:
        """The seat's process begins another call."""
        seat.since = self.clock()
        seat.worked = seat.child.processor_seconds()
        seat.deadline = seat.since + self.limits.wall_seconds

    def forget_codec(self, label: str) -> None:
        """Give the codec anew, wherever it is asked next."""
        for seat in self.seats:
            seat.child.known.discard(self.key(label))

    def dismiss(self, seat: Seat) -> None:
        """End the seat's process."""
        self.seats.remove(seat)
        seat.child.close()

    def key(self, label: str) -> int:
        """The number by which a codec goes."""
        return self._keys.setdefault(label, len(self._keys))
