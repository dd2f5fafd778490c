"""How messages are dealt to workers and what becomes of them when one is slow or dies. Workers here are sockets."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.chirpstack_topic import TopicFilter
from services.ingest.dealing import packets
from services.ingest.dealing.dealer import Dealer
from services.ingest.dealing.parent_end import ParentEnd
from services.ingest.dealing.shares import Shares
from services.ingest.source import Message, SourceError
from services.ingest.worker_process import WorkerProcess, WorkersFailed
from tests.ingest.sources import Given

NOW = datetime(2026, 9, 21, 14, 13, 22, 123457, tzinfo=UTC)
SHARES = Shares(TopicFilter("application/+/device/+/event/+"), 2)


def device(worker: int) -> str:
    """A device that is dealt to that worker."""
    return next(name for number in range(99) if SHARES.of_device(name := f"24e124707c00{number:04x}") == worker)


def message(worker: int, token: int, body: bytes = b"{}", qos: int = 1, epoch: int = 3) -> Message:
    return Message(f"application/a/device/{device(worker)}/event/up", body, qos, False, NOW, epoch, token)


class Seat:
    """A worker as its parent sees it; it reads what comes only when it is asked to."""

    def __init__(self, dealer: Dealer, number: int) -> None:
        self.link: ParentEnd = dealer.seat(number)
        self._socket: socket.socket = self.link.workers
        self._socket.settimeout(20)
        self._reader = packets.Reader()
        self.has: list[Message] = []

    def read(self, count: int) -> list[Message]:
        """All it was dealt, once there are ``count``."""
        while len(self.has) < count:
            for kind, content in self._reader.read(self._socket.recv(1 << 16)):
                assert kind == packets.DEALT
                self.has += packets.read_dealt(content)
        return self.has

    def store(self, messages: Sequence[Message]) -> None:
        self._socket.sendall(packets.done(messages))

    def die(self) -> None:
        self._socket.close()
        assert self.link.ended.wait(20)
        self.link.close()


@pytest.fixture
def given_source() -> Given:
    return Given()


@pytest.fixture
def seat() -> Iterator[Callable[[Dealer, int], Seat]]:
    seats: list[Seat] = []

    def seat(dealer: Dealer, number: int) -> Seat:
        seats.append(Seat(dealer, number))
        return seats[-1]

    yield seat
    for one in seats:
        one.die()


@pytest.fixture
def start(given_source) -> Iterator[Callable[..., Dealer]]:
    dealers: list[Dealer] = []

    def start(most: int = 100) -> Dealer:
        dealers.append(Dealer(given_source, SHARES, most))
        dealers[-1].start()
        return dealers[-1]

    yield start
    for dealer in dealers:
        dealer.stop()
        dealer.close()


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def bodies(messages: Sequence[Message]) -> list[bytes]:
    return [message.body for message in messages]


MESSAGES = st.lists(
    st.builds(
        Message,
        st.text(st.characters(exclude_categories=("Cs",))),
        st.binary(),
        st.integers(0, 2),
        st.booleans(),
        st.datetimes(datetime(1970, 1, 1), datetime(9999, 1, 1)).map(lambda at: at.replace(tzinfo=UTC)),  # noqa: DTZ001
        st.integers(0, 1 << 40),
        st.integers(0, 65535),
    )
)


@given(MESSAGES, st.integers(0, 1 << 60), st.integers(1, 50))
def test_a_batch_arrives_as_it_was_whatever_pieces_it_comes_in(messages, first, piece):
    sent = packets.packet(packets.ASK) + packets.dealt(messages, first) + packets.done(messages)
    reader, found = packets.Reader(), []
    for at in range(0, len(sent), piece):
        found += reader.read(sent[at : at + piece])
    assert [kind for kind, _ in found] == [packets.ASK, packets.DEALT, packets.DONE]
    got = packets.read_dealt(found[1][1])
    assert [(one.topic, one.body, one.qos, one.retain, one.received_at) for one in got] == [
        (one.topic, one.body, one.qos, one.retain, one.received_at) for one in messages
    ]
    assert [one.token for one in got] == list(range(first, first + len(messages)))
    assert list(packets.read_done(found[2][1])) == [one.token for one in messages]


def test_a_device_is_always_dealt_to_the_same_worker():
    shares = Shares(TopicFilter("application/+/device/+/event/+"), 3)
    names = [f"24e124707c00{number:04x}" for number in range(300)]
    for name in names:
        spelled = {name, name.upper()}
        topics = [f"application/{a}/device/{eui}/event/{e}" for a in "ab" for eui in spelled for e in ("up", "join")]
        assert {shares.of(topic) for topic in topics} == {shares.of_device(name)}
    counts = [sum(shares.of_device(name) == worker for name in names) for worker in range(3)]
    assert min(counts) > 60, "none is left without work"
    # What is no topic of ours is somebody's all the same.
    assert all(0 <= shares.of(topic) < 3 for topic in ("", "a", "application/a/device", "\N{REPLACEMENT CHARACTER}"))


def test_the_device_is_where_the_filter_says():
    shares = Shares(TopicFilter("$share/terroir/lora/{dev_eui}/{event}"), 2)
    assert shares.of("lora/24E124707C000001/up") == shares.of_device("24e124707c000001")


def test_what_a_worker_had_goes_to_the_next_in_its_place_in_order(start, seat, given_source):
    dealer = start()
    first, other = seat(dealer, 0), seat(dealer, 1)
    given_source.inbox.put([message(n % 2, n, b"%d" % n) for n in range(20)])
    had = first.read(10)
    assert bodies(had) == [b"%d" % n for n in range(0, 20, 2)]
    # Some from the middle: a worker may finish batches as it likes.
    first.store([*had[3:5], had[0]])
    eventually(lambda: len(given_source.acknowledged) == 3)
    first.die()
    given_source.inbox.put([message(0, 20, b"20")])
    eventually(lambda: given_source.taken == 21)
    second = seat(dealer, 0)
    assert bodies(second.read(8)) == [b"2", b"4", b"10", b"12", b"14", b"16", b"18", b"20"]
    assert [one.token for one in given_source.acknowledged] == [6, 8, 0]
    second.store(second.has)
    other.store(other.read(10))
    eventually(lambda: len(given_source.acknowledged) == 21)
    assert sorted(one.token for one in given_source.acknowledged) == list(range(21))
    assert {one.epoch for one in given_source.acknowledged} == {3}, "the source judges its own epochs"


def test_nothing_is_acknowledged_by_dealing_it(start, seat, given_source):
    dealer = start()
    workers = [seat(dealer, 0), seat(dealer, 1)]
    given_source.inbox.put([message(n % 2, n) for n in range(10)])
    for worker in workers:
        worker.read(5)
        worker.die()
    dealer.stop()
    assert given_source.acknowledged == []


def test_a_worker_that_does_not_read_holds_up_nobody_else(start, seat, given_source):
    """Until all that may be open is its own: a broker sends no more either."""
    dealer = start(most=40)
    slow, quick = seat(dealer, 0), seat(dealer, 1)
    large = bytes(100_000)
    given_source.inbox.put([message(0, n, large) for n in range(20)])
    eventually(lambda: given_source.taken == 20)
    for turn in range(5):
        given_source.inbox.put([message(1, n) for n in range(10)])
        quick.store(quick.read(10 * turn + 10)[10 * turn :])
    eventually(lambda: len(given_source.acknowledged) == 50)
    assert bodies(slow.read(20)) == [large] * 20


def test_no_more_is_dealt_than_may_be_open_of_quality_0_too(start, seat, given_source):
    dealer = start(most=30)
    worker = seat(dealer, 0)
    given_source.inbox.put([message(0, 0, qos=0) for _ in range(100)])
    eventually(lambda: given_source.taken == 30)
    time.sleep(0.2)
    assert given_source.taken == 30
    worker.store(worker.read(30)[:10])
    eventually(lambda: given_source.taken == 40)
    assert len(worker.read(40)) == 40


def test_large_bodies_are_bounded_too(start, seat, given_source):
    dealer = start(most=10_000)
    worker = seat(dealer, 0)
    with suppress(SourceError):
        for n in range(100):
            given_source.inbox.put([message(0, n, bytes(1 << 20))])
            # One at a time, so that what is open can be looked at in between.
            eventually(lambda n=n: given_source.taken > n or given_source.taken >= 64)
    assert given_source.taken == 64
    reading = threading.Thread(target=lambda: [worker.store(worker.read(n + 1)[n:]) for n in range(100)])
    reading.start()
    eventually(lambda: given_source.taken == 100)
    reading.join()


def test_a_source_that_gives_nothing_more_is_told(start, given_source):
    dealer = start()
    dealer.check()
    given_source.inbox.fail("the broker refused us")

    def failed() -> bool:
        try:
            dealer.check()
        except SourceError as error:
            return str(error) == "the broker refused us"
        return False

    eventually(failed)


TELLS = """
import sys
from services.ingest.dealing.worker_end import WorkerEnd
from services.ingest.metrics import Metrics
end = WorkerEnd(Metrics(), lambda: None)
end.tell("no such table")
sys.exit(2)
"""


def test_a_worker_that_cannot_run_says_why(start):
    dealer = start()
    worker = WorkerProcess("terroir-ingest-0.1", [sys.executable, "-c", TELLS])
    worker.start(lambda: dealer.seat(0))
    eventually(lambda: not worker.alive)
    with pytest.raises(WorkersFailed, match=r"worker terroir-ingest-0\.1: no such table"):
        worker.tend()
    worker.end(time.monotonic())


def test_what_a_worker_starts_does_not_keep_the_link_open(start):
    """A codec's process, for instance: the parent must see the end of the worker itself."""
    dealer = start()
    code = (
        "import subprocess, sys\nfrom services.ingest.dealing.worker_end import WorkerEnd\n"
        "from services.ingest.metrics import Metrics\nend = WorkerEnd(Metrics(), lambda: None)\n"
        "print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']).pid, flush=True)\n"
    )
    link = dealer.seat(0)
    with (
        link.workers as end,
        subprocess.Popen([sys.executable, "-c", code], stdin=end.fileno(), stdout=subprocess.PIPE) as process,
    ):
        assert process.stdout is not None
        grandchild = int(process.stdout.readline())
    try:
        assert link.ended.wait(timedelta(seconds=30).total_seconds())
    finally:
        os.kill(grandchild, 9)
        link.close()
