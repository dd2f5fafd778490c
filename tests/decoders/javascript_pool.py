"""A pool for tests, with what it is asked in few words. Expected values of codecs stand in the tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from decoders.codec.program import Call, Failure, Output, Program, Ran
from decoders.javascript.breaker import Breaker
from decoders.javascript.pool import CodecPool
from decoders.javascript.process import Limits

AT = datetime(2026, 3, 1, 8, 30, tzinfo=UTC)
GOOD = Program(
    "test/good@1",
    "function decodeUplink(input) { return { data: { first: input.bytes[0], port: input.fPort } }; }",
)
PATIENT = Limits(cpu_seconds=5.0, wall_seconds=60.0, start_seconds=120.0)
"""For codecs that do nothing wrong, on a machine that may be busy with anything."""


@contextmanager
def pool_of(limits: Limits = PATIENT, breaker: Breaker | None = None, processes: int = 1) -> Iterator[CodecPool]:
    pool = CodecPool(limits, breaker, processes)
    try:
        yield pool
    finally:
        pool.close()


def call(source: str | Program, payload: bytes = b"\x07", f_port: int = 3, variables: str = "{}") -> Call:
    program = source if isinstance(source, Program) else Program(f"test/{hash(source)}@1", source, variables)
    return Call(program, f_port, payload, AT.timestamp() * 1000)


def output(ran: Ran) -> Output:
    assert isinstance(ran, Output), ran
    return ran


def reason(ran: Ran) -> str:
    assert isinstance(ran, Failure), ran
    return ran.reason.value
