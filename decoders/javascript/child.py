"""The process in which codecs run. Started as a script, apart from everything:

    python -I -S child.py PARENT ENGINE CPU_MS MEMORY_MB

PARENT is the process id to depend on, ENGINE the folder that holds the JavaScript engine's extension module, CPU_MS and
MEMORY_MB what one call of a codec may take. Messages come on standard input, answers go to standard output, each with
its length (uint32) in front; process.py has the other end:

    S key (uint32)  length of the variables (uint32)  variables (JSON)  source      a codec; no answer
    D key (uint32)  f_port (uint8)  received (double, Unix ms)  payload             a frame; one answer, in order

The first answer is empty: ready. The others are what harness.js says. Imports nothing of ours: there is no search path.
"""

import ctypes
import os
import resource
import signal
import struct
import sys
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Protocol

PR_SET_PDEATHSIG = 1
PR_SET_NO_NEW_PRIVS = 38
MOST_ENGINES = 16
"""Engines kept warm, each of at most MEMORY_MB; the one used longest ago goes first."""
STACK = 512 << 10
LOAD_FACTOR = 3
"""Loading a codec may take as many times what a call may: large tables are made then."""
MARGIN_CPU = 2
"""Seconds of processor time beyond what is allowed, after which the kernel ends us when our parent has not."""
COSTLY = ("-codec_timed_out", "-codec_out_of_memory")
CALL = struct.Struct("<IBd")
LOAD = struct.Struct("<II")


class Context(Protocol):
    """An engine, as the extension module gives it."""

    def eval(self, source: str, /) -> Callable[[str, object, object], object]: ...
    def set_memory_limit(self, size: int, /) -> None: ...
    def set_max_stack_size(self, size: int, /) -> None: ...
    def set_time_limit(self, seconds: float, /) -> None: ...


Engine = tuple[Context, Callable[[str, object, object], object]]
"""An engine with its harness: for loading (source, variables, isolate), afterwards for a frame (hex, port, ms)."""


class Trouble(Exception):
    """What the engine itself said about a codec, as an answer."""


class Engines:
    """Warm engines by codec."""

    def __init__(self, make: Callable[[], Context], harness: str, cpu_seconds: float, memory: int) -> None:
        self._make = make
        self._harness = harness
        self._cpu_seconds = cpu_seconds
        self._memory = memory
        self._sources: dict[int, tuple[str, str]] = {}
        self._fresh: set[int] = set()
        self._warm: OrderedDict[int, Engine] = OrderedDict()
        self._struck: set[int] = set()

    def learn(self, key: int, source: str, variables: str) -> None:
        self._sources[key] = source, variables
        self._fresh.discard(key)
        self._struck.discard(key)
        self._warm.pop(key, None)

    def answer(self, key: int, hexadecimal: str, f_port: int, milliseconds: float) -> str:
        if key in self._struck:
            return "-codec_suspended\nit took too much for a frame before this one"
        found = self._warm.get(key)
        first = found is None
        said = self._tried(key, found, hexadecimal, f_port, milliseconds)
        if not first and said.startswith("-codec_out_of_memory"):
            # What earlier frames left behind must not be held against this one.
            said = self._tried(key, None, hexadecimal, f_port, milliseconds)
        if said.startswith(COSTLY):
            # Frames that were sent ahead must not cost as much each; until the codec is given anew.
            self._struck.add(key)
        return said

    def _tried(self, key: int, found: Engine | None, hexadecimal: str, f_port: int, milliseconds: float) -> str:
        try:
            if found is None:
                found = self._loaded(key)
            else:
                self._warm.move_to_end(key)
            context, call = found
            context.set_time_limit(self._cpu_seconds)
            said = call(hexadecimal, f_port, milliseconds)
        except Trouble as trouble:
            return str(trouble)
        except Exception as error:  # noqa: BLE001  every class of the engine's errors, and text that is none
            self._warm.pop(key, None)
            return explained(error)
        if not isinstance(said, str):
            said = "!-codec_threw\nit changed what surrounds it"
        if said[0] == "!" or said.startswith("-codec_out_of_memory"):
            self._warm.pop(key, None)
        return said.lstrip("!")

    def _loaded(self, key: int) -> Engine:
        source, variables = self._sources[key]
        isolated = key not in self._fresh
        found, state = self._made(source, variables, isolated)
        if state == "fresh":
            self._fresh.add(key)
            isolated = False
            found, state = self._made(source, variables, isolated)
        if state != "warm":
            raise Trouble(state)
        if isolated:
            self._warm[key] = found
            if len(self._warm) > MOST_ENGINES:
                self._warm.popitem(last=False)
        return found

    def _made(self, source: str, variables: str, isolated: bool) -> tuple[Engine, str]:
        context = self._make()
        context.set_memory_limit(self._memory)
        context.set_max_stack_size(STACK)
        context.set_time_limit(self._cpu_seconds * LOAD_FACTOR)
        call = context.eval(self._harness)
        try:
            return (context, call), str(call(source, variables, isolated))
        except Exception as error:
            raise Trouble(explained(error)) from error


def explained(error: Exception) -> str:
    """An error of the engine as an answer."""
    said = str(error)
    if said.startswith("InternalError: interrupted"):
        return "-codec_timed_out\nit takes more processor time than it may"
    if type(error).__name__ == "StackOverflow":
        return "-codec_stack_overflow\nthe calls of the codec go too deep"
    if said.startswith(("InternalError: out of memory", "null")) or isinstance(error, MemoryError):
        return "-codec_out_of_memory\nthe codec wants more memory than it may have"
    return "-codec_threw\n" + said[:200]


def confine(parent: int, memory: int) -> None:
    """Die with the parent, open and write nothing, start nothing. Standard input and output stay as they are."""
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL), 0, 0, 0)
    libc.prctl(PR_SET_NO_NEW_PRIVS, ctypes.c_ulong(1), 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(0)
    try:
        # Should memory run out on this machine, the kernel takes us before any other.
        with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:  # noqa: PTH123  pathlib is slow to import
            file.write("1000")
    except OSError:
        pass
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    for limit in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE, resource.RLIMIT_NPROC, resource.RLIMIT_NOFILE):
        resource.setrlimit(limit, (0, 0))


def allow_cpu(seconds: float) -> None:
    """Only so much processor time until the next message, also when nobody is there to kill us."""
    most = int(time.process_time() + seconds) + 1 + MARGIN_CPU
    resource.setrlimit(resource.RLIMIT_CPU, (most, resource.RLIM_INFINITY))


def messages() -> Iterator[bytes]:
    """The messages on standard input until it ends."""
    held = bytearray()
    while True:
        while len(held) >= 4:
            end = 4 + int.from_bytes(held[:4], "little")
            if len(held) < end:
                break
            yield bytes(held[4:end])
            del held[:end]
        read = os.read(0, 1 << 16)
        if not read:
            return
        held += read


def send(answer: str) -> None:
    said = answer.encode("utf-8", "replace")
    left = memoryview(len(said).to_bytes(4, "little") + said)
    while left:
        left = left[os.write(1, left) :]


def main(parent: str, folder: str, cpu_ms: str, memory_mb: str) -> None:
    sys.path = [folder, *sys.path]
    make: Callable[[], Context] = import_module("_quickjs").Context
    with open(__file__.removesuffix("child.py") + "harness.js", encoding="utf-8") as file:  # noqa: PTH123
        harness = file.read()
    memory = int(memory_mb) << 20
    engines = Engines(make, harness, int(cpu_ms) / 1000, memory)
    confine(int(parent), MOST_ENGINES * memory + (256 << 20))
    send("")
    # Loaded anew and twice as isolation may need, then called, and all that once more when memory was full.
    longest = 2 * (2 * LOAD_FACTOR + 1) * int(cpu_ms) / 1000
    for message in messages():
        allow_cpu(longest)
        if message[:1] == b"S":
            key, length = LOAD.unpack_from(message, 1)
            variables = message[1 + LOAD.size : 1 + LOAD.size + length].decode()
            engines.learn(key, message[1 + LOAD.size + length :].decode(), variables)
        else:
            key, f_port, milliseconds = CALL.unpack_from(message, 1)
            send(engines.answer(key, message[1 + CALL.size :].hex(), f_port, milliseconds))


if __name__ == "__main__":
    main(*sys.argv[1:])
