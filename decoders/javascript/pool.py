"""A few child processes that run vendor codecs; a codec that misbehaves costs its own frames and a bounded time."""

import select
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from decoders.codec.program import Call, Failure, Output, Ran, read_answer
from decoders.codec.reasons import COSTLY, CodecReason
from decoders.javascript.breaker import Breaker
from decoders.javascript.crew import Crew, Seat
from decoders.javascript.process import EngineMissing, Gone, Limits

AHEAD = 16
"""Calls given to a process at a time, so that it never waits for us."""
MOST_OUTGOING = 1 << 20
"""Bytes that may wait for a process."""
ORDINARY = 0.005
"""Seconds of processor time a call may take; more, though it ends well, counts as lost."""
STARTS = 3
"""Processes that may fail to start before a round gives up."""


class CodecPool:
    """Runs calls of codecs. Processes start at the first need; `close` ends them. Threads are served one at a time.

    `clock` gives seconds that only grow.
    """

    def __init__(
        self,
        limits: Limits | None = None,
        breaker: Breaker | None = None,
        processes: int = 1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._crew = Crew(limits or Limits(), processes, clock)
        self._breaker = breaker or Breaker(clock)
        self._lock = threading.Lock()

    def run(self, calls: Sequence[Call]) -> list[Ran]:
        """Run the calls; the answers are in their order. A codec's fault is an answer (Failure). Raises nothing."""
        if not calls:
            return []
        with self._lock:
            self._crew.replace_dead()
            return _Round(self._crew, self._breaker, calls).run()

    def suspended(self, codec: str) -> bool:
        """Whether calls of that codec (its label) would be refused at once."""
        return self._breaker.suspended(codec)

    def pids(self) -> list[int]:
        """Ids of the processes there are now."""
        return [seat.child.process.pid for seat in self._crew.seats]

    def close(self) -> None:
        """End the processes; the next call starts new ones."""
        with self._lock:
            for seat in list(self._crew.seats):
                self._crew.dismiss(seat)


class _Round:
    """The calls of one `run`, by number."""

    def __init__(self, crew: Crew, breaker: Breaker, calls: Sequence[Call]) -> None:
        self._crew = crew
        self._breaker = breaker
        self._calls = calls
        self._answers: dict[int, Ran] = {}
        # Codec after codec: each is loaded once, and its fault is known before it is asked much more.
        self._waiting = deque(sorted(range(len(calls)), key=lambda number: crew.key(calls[number].program.label)))
        self._died: set[int] = set()
        self._starts_left = STARTS

    def run(self) -> list[Ran]:
        try:
            while len(self._answers) < len(self._calls):
                self._hand_out()
                busy = [seat for seat in self._crew.seats if seat.asked]
                if busy:
                    self._attend(busy)
        except (EngineMissing, OSError) as error:
            self._give_up(str(error))
        except BaseException:
            self._give_up("interrupted")
            raise
        return [self._answers[number] for number in range(len(self._calls))]

    def _hand_out(self) -> None:
        while self._waiting and self._breaker.suspended(self._label(self._waiting[0])):
            self._answers[self._waiting.popleft()] = Failure(CodecReason.SUSPENDED, "it lost more time than it may")
        if not self._waiting:
            return
        self._crew.staff(len(self._answers) + len(self._waiting))
        for seat in self._crew.seats:
            while self._waiting and len(seat.asked) < AHEAD and len(seat.child.outgoing) < MOST_OUTGOING:
                if self._breaker.suspended(self._label(self._waiting[0])):
                    break
                number = self._waiting.popleft()
                self._crew.give(seat, number, self._calls[number])

    def _attend(self, busy: Sequence[Seat]) -> None:
        """Send, wait for answers, and end what takes too long."""
        poll = select.poll()
        for seat in busy:
            poll.register(seat.child.stdout, select.POLLIN)
            try:
                seat.child.send()
            except Gone:
                continue  # what it still said comes first, then its end
            if seat.child.outgoing:
                poll.register(seat.child.stdin, select.POLLOUT)
        left = min(seat.deadline for seat in busy) - self._crew.clock()
        poll.poll(max(0.0, left * 1000))
        for seat in busy:
            try:
                heard = self._hear(seat)
            except Gone as gone:
                self._bury(seat, gone)
                continue
            if not heard and self._crew.clock() >= seat.deadline:
                self._stop(seat)

    def _hear(self, seat: Seat) -> bool:
        said: deque[str] = deque()
        was_ready = seat.child.ready
        try:
            seat.child.receive(said)
        finally:
            self._conclude_all(seat, [(seat.asked.popleft(), read_answer(text)) for text in said])
        if said or seat.child.ready != was_ready:
            self._crew.restart_watch(seat)
            return True
        return False

    def _conclude_all(self, seat: Seat, heard: Sequence[tuple[int, Ran]], lost: float | None = None) -> None:
        """Answers that came together, and the seconds each fault lost. Not given: what the process computed for them.

        Without a fault what goes beyond the ordinary counts.
        """
        if not heard:
            return
        faults = sum(isinstance(answer, Failure) and answer.reason in COSTLY for _, answer in heard)
        if lost is None:
            # Not the time on the wall: it is no codec's fault when the machine is busy with something else.
            worked = seat.child.processor_seconds() - seat.worked
            lost = worked / faults if faults else worked / len(heard) - ORDINARY
        for number, answer in reversed(heard):
            if isinstance(answer, Failure) and answer.reason is CodecReason.SUSPENDED:
                # Sent ahead behind a costly one, and not tried: whether it is to wait is not for the process to say.
                self._waiting.appendleft(number)
                continue
            costly = isinstance(answer, Failure) and answer.reason in COSTLY
            self._conclude(number, answer, lost if costly or not faults else 0.0)

    def _conclude(self, number: int, answer: Ran, lost: float) -> None:
        label = self._label(number)
        self._answers[number] = answer
        if isinstance(answer, Output):
            self._breaker.served(label)
        if lost > 0:
            self._breaker.lost(label, lost)
        if isinstance(answer, Failure) and answer.reason in COSTLY:
            self._crew.forget_codec(label)

    def _stop(self, seat: Seat) -> None:
        """Its time is over."""
        if not seat.child.ready:
            self._bury(seat, Gone("the process that runs codecs did not get ready"))
            return
        number = seat.asked.popleft()
        self._dismiss(seat)
        failure = Failure(CodecReason.TIMED_OUT, "it did not end and was stopped")
        self._conclude_all(seat, [(number, failure)], self._crew.clock() - seat.since)

    def _bury(self, seat: Seat, gone: Gone) -> None:
        """It ended by itself, or somebody ended it: the call it was at is tried once more."""
        ready = seat.child.ready
        number = seat.asked[0] if seat.asked else None
        if ready and number is not None and number in self._died:
            seat.asked.popleft()
            self._dismiss(seat)
            self._conclude_all(seat, [(number, Failure(CodecReason.DIED, str(gone)))], self._crew.clock() - seat.since)
            return
        self._dismiss(seat)
        if not ready:
            self._starts_left -= 1
            if not self._starts_left:
                raise OSError(f"no process that runs codecs gets ready: {gone}")
        elif number is not None:
            self._died.add(number)
            self._breaker.lost(self._label(number), self._crew.clock() - seat.since)

    def _dismiss(self, seat: Seat) -> None:
        self._waiting.extendleft(reversed(seat.asked))
        seat.asked.clear()
        self._crew.dismiss(seat)

    def _give_up(self, detail: str) -> None:
        for seat in list(self._crew.seats):
            if seat.asked or not seat.child.ready:
                self._dismiss(seat)
        for number in range(len(self._calls)):
            self._answers.setdefault(number, Failure(CodecReason.UNAVAILABLE, detail))

    def _label(self, number: int) -> str:
        return self._calls[number].program.label
