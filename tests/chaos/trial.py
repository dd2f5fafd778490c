"""One trial: start everything, strike again and again, let it settle, judge."""

import math
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

import psycopg

from services.core.storage import changes
from services.core.storage.connect import connect
from services.demo.scrape import sample
from tests.chaos.broker_loss import BrokerLoss
from tests.chaos.judge import Judgement, judge, missing
from tests.chaos.plan import KILLS, OF_SEVERAL, Kind, faults
from tests.chaos.stack import Setup, Stack, Visitor
from tests.chaos.strike import Striker

_FEED_WITHIN = 300.0
_SHOW_EVERY = 10.0
_WARM = 50
"""Messages acknowledged before the first fault."""


@dataclass(frozen=True, slots=True)
class Orders:
    """Goes on for ``seconds``, until ``kills`` were done and ``strikes`` tried, but never beyond ``longest`` seconds.

    ``pace``: mean seconds between two faults. Only ``kinds`` occur. What has not arrived when nothing has for ``quiet``
    seconds, everything being at work, is lost.
    """

    seed: int
    seconds: float
    pace: float = 2.0
    kills: int = 0
    strikes: int = 0
    kinds: frozenset[Kind] = frozenset(Kind)
    longest: float = math.inf
    quiet: float = 30.0


@dataclass
class Outcome:
    """``ended``: processes that ended by themselves, with their status. ``answers``: what the API said to a visitor."""

    counts: Counter[Kind]
    missed: Counter[Kind]
    judgement: Judgement
    seconds: float
    settled: float
    ended: dict[str, list[int]]
    answers: dict[str, int]
    disk_included: bool

    @property
    def kills(self) -> int:
        return sum(count for kind, count in self.counts.items() if kind in KILLS)

    @property
    def sound(self) -> bool:
        return self.judgement.sound


def run(setup: Setup, orders: Orders, show: Callable[[str], None] = lambda _line: None) -> Outcome:
    """Raises RuntimeError when the stack does not start or does not come to rest."""
    stack = Stack(setup)
    with ExitStack() as closing:
        closing.callback(stack.stop)
        stack.start()
        loss = BrokerLoss(stack.manifest, stack.autosaved)
        closing.callback(loss.close)
        visitor = Visitor(stack.api_port)
        closing.callback(visitor.close)
        striker = Striker(stack, loss)
        closing.callback(striker.undo)
        _until(lambda: loss.newest >= _WARM, 120, "the simulator sends nothing")
        began = time.monotonic()
        _strike(stack, striker, loss, orders, show)
        seconds = time.monotonic() - began
        show("no more faults: settling")
        striker.undo()
        _settle(stack, orders.quiet, show)
        settled = time.monotonic() - began - seconds
        show("comparing")
        judgement = judge(stack.url, stack.manifest, loss)
        visitor.close()
        ended = {name: keeper.unexpected for name, keeper in stack.keepers.items() if keeper.unexpected}
        if "500" in visitor.answers:
            judgement.troubles.append(f"the API answered 500 {visitor.answers['500']} times")
        return Outcome(
            striker.counts,
            striker.missed,
            judgement,
            seconds,
            settled,
            ended,
            visitor.answers,
            setup.disk is not None,
        )


def _strike(stack: Stack, striker: Striker, loss: BrokerLoss, orders: Orders, show: Callable[[str], None]) -> None:
    began = time.monotonic()
    shown = 0.0
    kinds = orders.kinds if stack.setup.disk is not None else orders.kinds - {Kind.DISK_FULL}
    kinds = kinds if stack.setup.workers > 1 else kinds - OF_SEVERAL
    for fault in faults(orders.seed, orders.pace, kinds):
        time.sleep(fault.gap)
        elapsed = time.monotonic() - began
        kills = sum(count for kind, count in striker.counts.items() if kind in KILLS)
        done = elapsed >= orders.seconds and kills >= orders.kills and fault.number > orders.strikes
        if done or elapsed >= orders.longest:
            return
        striker.strike(fault)
        if time.monotonic() - shown >= _SHOW_EVERY:
            shown = time.monotonic()
            show(
                f"{elapsed:5.0f} s  {kills} kills, {striker.counts.total() - kills} other faults,"
                f" {loss.newest} messages taken by the broker, {_stored(stack)} stored; last: {fault.kind}"
            )


def _stored(stack: Stack) -> str:
    try:
        return str(stack.stored())
    except psycopg.Error:
        return "?"


def _settle(stack: Stack, quiet: float, show: Callable[[str], None]) -> None:
    """Until everything sent has arrived, or nothing has arrived for a while although everything works."""
    for name, keeper in stack.keepers.items():
        if not keeper.wait_until_ready(180):
            raise RuntimeError(f"{name} did not come back: see {stack.logs}")
    # Its last acknowledgements come while it ends.
    stack.keepers["simulator"].close()
    absent, changed_at = -1, time.monotonic()
    while time.monotonic() < changed_at + quiet:
        try:
            now = len(missing(stack.url, stack.manifest)[1])
        except psycopg.OperationalError:
            now = absent - 1
        if not now:
            break
        if now != absent or not _at_work(stack):
            show(f"waiting for {now} messages")
            absent, changed_at = now, time.monotonic()
        time.sleep(1)
    _until(lambda: _feed_read(stack), _FEED_WITHIN, "the consumers of the change feed do not come to its end")


def _at_work(stack: Stack) -> bool:
    return all(
        sample(port, "terroir_ingest_connected") == 1 and sample(port, "terroir_ingest_waiting_messages") in {0, None}
        for port in stack.metrics
    )


def _feed_read(stack: Stack) -> bool:
    try:
        with connect(stack.url, autocommit=True) as connection:
            return all(lag.batches == 0 for lag in changes.lag(connection))
    except psycopg.OperationalError:
        return False


def _until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(what)
        time.sleep(0.2)
