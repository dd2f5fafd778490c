"""One child process from its parent's side: started, spoken to without ever waiting for it, ended."""

import os
import struct
import subprocess
import sys
import time
from collections import deque
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

SCRIPT = Path(__file__).with_name("child.py")
CALL = struct.Struct("<cIBd")
LOAD = struct.Struct("<cII")
PIECE = 1 << 16
CPU_CLOCK = 2
"""CPUCLOCK_SCHED of Linux: nanoseconds a process was given."""


class EngineMissing(Exception):
    """The JavaScript engine is not installed; the message says what to install."""


class Gone(Exception):
    """The process has ended, or says something it cannot."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one call of a codec may take: processor time inside the engine, memory, and time on the wall.

    `wall_seconds` is the hard one, enforced by killing: some of the engine's own loops cannot be interrupted.
    `answer_bytes` bounds what is read of an answer. `start_seconds`: until a new process must be ready.
    """

    cpu_seconds: float = 0.1
    wall_seconds: float = 0.5
    memory_mb: int = 32
    answer_bytes: int = 1 << 18
    start_seconds: float = 20.0


def engine_folder() -> str:
    """Where the engine's extension module lies; it is never imported here. Raises EngineMissing."""
    found = find_spec("_quickjs")
    if found is None or found.origin is None:
        raise EngineMissing("vendor codecs need the package quickjs-ng: pip install quickjs-ng")
    return str(Path(found.origin).parent)


class Child:
    """A process that runs codecs. Nothing here blocks; what is to be sent waits in `outgoing`."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-I", "-S", str(SCRIPT)),
                *(str(os.getpid()), engine_folder(), str(round(limits.cpu_seconds * 1000)), str(limits.memory_mb)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            env={},
            cwd="/",
            start_new_session=True,
        )
        if self.process.stdin is None or self.process.stdout is None:
            raise RuntimeError("a pipe was asked for and there is none")
        self.stdin = self.process.stdin.fileno()
        self.stdout = self.process.stdout.fileno()
        os.set_blocking(self.stdin, False)
        os.set_blocking(self.stdout, False)
        self.outgoing = bytearray()
        self.ready = False
        self.known: set[int] = set()
        self._incoming = bytearray()
        self._ended = False

    def learn(self, key: int, source: str, variables: str) -> None:
        """Queue a codec."""
        given = variables.encode()
        self._queue(LOAD.pack(b"S", key, len(given)) + given + source.encode("utf-8", "replace"))
        self.known.add(key)

    def ask(self, key: int, f_port: int, milliseconds: float, payload: bytes) -> None:
        """Queue a frame."""
        self._queue(CALL.pack(b"D", key, f_port, milliseconds) + payload)

    def processor_seconds(self) -> float:
        """What it has computed so far; what else keeps the machine busy has no part in it. 0.0 when it is gone."""
        try:
            # As clock_getcpuclockid(3) makes it, which Python has for threads only.
            return time.clock_gettime((~self.process.pid << 3) | CPU_CLOCK)
        except OSError:
            return 0.0

    def send(self) -> None:
        """Write what the pipe takes now. Raises Gone."""
        try:
            while self.outgoing:
                del self.outgoing[: os.write(self.stdin, memoryview(self.outgoing)[:PIECE].tobytes())]
        except BlockingIOError:
            return
        except OSError as error:
            raise Gone(str(error)) from error

    def receive(self, answers: deque[str]) -> None:
        """Append the answers that are there. Raises Gone, at the call after the last answer."""
        if self._ended:
            raise Gone("the process has ended")
        while True:
            try:
                piece = os.read(self.stdout, PIECE)
            except BlockingIOError:
                break
            if not piece:
                self._ended = True
                break
            self._incoming += piece
            self._take(answers)
            if len(piece) < PIECE:
                break
        if self._ended and not answers:
            raise Gone("the process has ended")

    def _take(self, answers: deque[str]) -> None:
        while len(self._incoming) >= 4:
            length = int.from_bytes(self._incoming[:4], "little")
            if length > self._limits.answer_bytes:
                raise Gone(f"an answer of {length} bytes")
            if len(self._incoming) < 4 + length:
                return
            said = self._incoming[4 : 4 + length].decode("utf-8", "replace")
            del self._incoming[: 4 + length]
            if self.ready:
                answers.append(said)
            elif said:
                raise Gone("an answer before it was ready")
            else:
                self.ready = True

    def close(self) -> None:
        """End it, at once."""
        self.process.kill()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        self.process.wait()

    def _queue(self, message: bytes) -> None:
        self.outgoing += len(message).to_bytes(4, "little") + message
