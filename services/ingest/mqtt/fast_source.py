"""ChirpStack's events by a client of our own: a thread, a socket, and many messages for each turn of the loop.

What makes it quick is that nothing is done message by message: what one read gives goes to the inbox at once, and the
acknowledgements of a batch leave in one write. It stops reading while too much waits, and the broker keeps the rest.
"""

import os
import random
import threading
from collections.abc import Sequence
from contextlib import suppress
from time import monotonic, sleep

from typing_extensions import override

from services.ingest.mqtt import packets
from services.ingest.mqtt.connection import CONNECT_SECONDS, ClosedError, Connection
from services.ingest.mqtt.publish import MalformedError
from services.ingest.mqtt.session import KEEPALIVE, LONGEST_PAUSE, Session
from services.ingest.source import Message, Source

HELD_BYTES = 64 << 20
"""Bytes of bodies that may wait; beyond, nothing is read until half of them are taken."""

GATHER = 0.002
"""Seconds that what comes after a read may gather."""

LAST_WORDS = 2.0
"""Seconds that the last acknowledgements may take when we stop."""


class FastSource(Source):
    def __init__(self, session: Session) -> None:
        self._session = session
        self._connection: Connection | None = None
        self._reading = True
        self._wake_end, self._waking_end = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._leaving = threading.Event()
        self._farewell = packets.disconnect()
        self._thread: threading.Thread | None = None
        self._reader = packets.Reader()
        self._answer_by: float | None = None

    @override
    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="mqtt", daemon=True)
        self._thread.start()

    @override
    def take(self, most: int, seconds: float) -> list[Message]:
        if self._thread is not None and not self._thread.is_alive():
            self._session.inbox.fail("the network thread has ended")
        messages = self._session.inbox.take(most, seconds)
        self._session.note_waiting()
        if not self._reading:
            self._wake()
        return messages

    @override
    def waiting(self) -> int:
        return len(self._session.inbox)

    @override
    def acknowledge(self, messages: Sequence[Message]) -> None:
        with self._session.acknowledging(messages) as current:
            # Of the present epoch, so of the present connection.
            if current and self._connection is not None:
                self._connection.queue(packets.acknowledgements(current))
        self._wake()

    @override
    def stop(self, *, for_good: bool = False) -> None:
        """Close; ``for_good``: the broker forgets the session at once, and what it held."""
        if for_good:
            self._farewell = packets.disconnect(session_expiry=0)
        self.leave()
        self._wake()
        if self._thread is not None:
            self._thread.join()
        os.close(self._waking_end)
        os.close(self._wake_end)
        self._session.closed()

    # What the session asks for, in the thread of the connection.

    def subscribe(self, subscription: str) -> None:
        self._queue(packets.subscribe(1, subscription))

    def unsubscribe(self, filters: Sequence[str]) -> None:
        self._queue(packets.unsubscribe(2, filters))

    def leave(self) -> None:
        self._leaving.set()

    def _queue(self, packet: bytes) -> None:
        if self._connection is not None:
            self._connection.queue(packet)

    def _wake(self) -> None:
        with suppress(BlockingIOError):  # full: it is awake
            os.write(self._waking_end, b"\0")

    # The thread.

    def _run(self) -> None:
        pause = 1.0
        while not self._leaving.is_set():
            self._session.connecting()
            try:
                self._connection = Connection(self._session.broker, KEEPALIVE)
            except OSError as error:
                self._session.unreachable(error)
            else:
                self._converse(self._connection)
                if self._answer_by is None:
                    pause = 1.0
            # Not in step with others that lost the same broker.
            self._leaving.wait(pause * random.uniform(0.5, 1.0))  # noqa: S311  no secret
            pause = min(2 * pause, float(LONGEST_PAUSE))

    def _converse(self, connection: Connection) -> None:
        try:
            self._introduce(connection)
            while not self._leaving.is_set():
                self._turn(connection)
            self._part(connection)
            self._session.ended(self, None, None)
        except MalformedError as error:
            self._session.ended(self, None, f"the broker sent a malformed packet: {error}")
        except ClosedError as error:
            self._session.ended(self, error.code, str(error))
        except OSError as error:
            self._session.ended(self, None, str(error))
        finally:
            self._connection = None
            connection.close()

    def _introduce(self, connection: Connection) -> None:
        session, broker = self._session, self._session.broker
        self._reader = packets.Reader()
        self._reading = True
        self._answer_by = monotonic() + CONNECT_SECONDS
        connection.queue(
            packets.connect(
                session.client_id, broker.user, broker.password, KEEPALIVE, session.expiry, session.receive_maximum
            )
        )

    def _turn(self, connection: Connection) -> None:
        """Send what there is, wait for something to do, read. Raises MalformedError, ClosedError, OSError."""
        if connection.must_ask(reading=self._reading):
            connection.queue(packets.PING)
        connection.flush()
        seconds = connection.patience(reading=self._reading)
        if self._answer_by is not None:
            seconds = self._answer_by - monotonic()
            if seconds <= 0:
                raise ClosedError("the broker does not answer CONNECT")
        readable = connection.wait(seconds, reading=self._reading, wake=self._wake_end)
        with suppress(BlockingIOError):
            os.read(self._wake_end, 4096)
        if readable:
            self._read(connection)
            sleep(GATHER)
        self._look_at_inbox(connection)

    def _look_at_inbox(self, connection: Connection) -> None:
        waiting = self._session.inbox.size
        if self._reading and waiting > HELD_BYTES:
            self._reading = False
        elif not self._reading and waiting <= HELD_BYTES // 2:
            self._reading = True
            connection.listen_anew()

    def _read(self, connection: Connection) -> None:
        chunk = connection.receive()
        if chunk is None:
            return
        session = self._session
        messages, others = self._reader.read(chunk, session.clock(), session.epoch)
        for packet in others:
            self._heed(packet, connection)
        # While nothing is read the connection can only have ended, and looking for the broker's last words is the
        # purpose: messages before them come again.
        if messages and self._reading:
            session.received(messages)

    def _heed(self, packet: packets.Control, connection: Connection) -> None:
        session = self._session
        match packet:
            case packets.Accepted(granted, keep_alive):
                self._answer_by = None
                if keep_alive is not None:
                    connection.keep_alive = keep_alive
                session.accepted(self, granted)
            case packets.Refused(code, text):
                session.refused(self, code, text)
                raise ClosedError(text)
            case packets.Subscribed(code, text):
                session.subscribed(self, code, text)
            case packets.Unsubscribed(code, text):
                session.unsubscribed(code, text)
            case packets.Released(token):
                connection.queue(packets.complete(token))
            case packets.Ended(code, text):
                raise ClosedError(text, code)
            case packets.Pong():
                pass

    def _part(self, connection: Connection) -> None:
        """Say good-bye after the last acknowledgements."""
        connection.queue(self._farewell)
        until = monotonic() + LAST_WORDS
        while not connection.flush() and monotonic() < until:
            if connection.wait(until - monotonic(), reading=False, wake=self._wake_end):
                break
