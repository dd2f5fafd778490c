"""Where the time of a batch goes: every stage of ingest in this process, with the CPU of Python and of the database."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from functools import wraps
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

import psycopg
import structlog
from ingest_load import Load
from pydantic import SecretStr

from services.core.clock import system_clock
from services.core.settings import Settings
from services.core.storage import inventory, writer, writer_readings
from services.core.times import TimeRules
from services.ingest import frame_rows, pipeline
from services.ingest.assembly import COLLECT_AFTER
from services.ingest.chirpstack_topic import TopicFilter
from services.ingest.metrics import Metrics
from services.ingest.parsing import Parser
from services.ingest.source import Message
from services.ingest.store import Store

BATCH = 1000
# Stage, where its function stands, its name. Order: as a batch goes through them.
_STAGES: tuple[tuple[str, ModuleType | type, str], ...] = (
    ("look up devices, series, gateways", inventory.Inventory, "devices"),
    ("look up devices, series, gateways", inventory.Inventory, "series"),
    ("look up devices, series, gateways", inventory.Inventory, "gateways"),
    ("look up devices, series, gateways", inventory.Inventory, "refresh"),
    ("watch the share of bad frames", pipeline.ShareLimit, "judge"),
    ("decode", frame_rows, "decode_uplinks"),
    ("claim keys", writer, "_claim"),
    ("claim frames (second guard)", writer, "marked_repeats"),
    ("COPY uplinks", writer, "copy_frames"),
    ("COPY receptions", writer, "copy_receptions"),
    ("values to candidates", writer, "_candidates"),
    ("sort readings", writer_readings, "_one_each"),
    ("read states", writer_readings, "_states"),
    ("judge", writer_readings, "_judged"),
    ("store readings", writer_readings, "_stored"),
    ("move latest", writer_readings, "_move_latest"),
    ("note batch", writer, "note_batch"),
    ("move devices", writer, "move_devices"),
    ("move gateways", writer, "move_gateways"),
    ("ledger", writer, "note_ledger"),
    ("metrics", pipeline, "count_batch"),
)


def stages(url: str, load: Load, uplinks: int) -> list[tuple[str, ...]]:
    """Each stage with its time, Python's CPU and the database's in microseconds an uplink; last, all of them."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    settings = Settings(database_url=SecretStr(url))
    # As ingest's own process does.
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)
    store = Store(settings, system_clock)
    parser = Parser(TopicFilter(settings.mqtt_topic), settings.encoding, TimeRules.of(settings))
    whole = pipeline.Pipeline(parser, store, settings, system_clock, Metrics())
    spent: dict[str, list[float]] = {}
    try:
        with store.reached() as connection:
            clocks = _Clocks(connection.info.backend_pid)
        # Devices once, so that series are there and statements prepared.
        first = -(-load.devices // BATCH) + 1
        with ExitStack() as patched:
            # Each statement by itself: in a pipeline the next stages would pay for it.
            patched.enter_context(patch.object(psycopg.Connection, "pipeline", lambda _: nullcontext()))
            for stage, place, name in _STAGES:
                patched.enter_context(patch.object(place, name, _timed(getattr(place, name), stage, spent, clocks)))
            whole._parsed = _timed(whole._parsed, "parse", spent, clocks)
            never = threading.Event()
            process = _timed(lambda messages: whole.process(messages, never.is_set), "all", spent, clocks)
            for number in range(first + -(-uplinks // BATCH)):
                if number == first:
                    spent.clear()
                process(_messages(load, BATCH))
    finally:
        store.close()
    count = -(-uplinks // BATCH) * BATCH
    whole_sums = spent.pop("all")
    rest = [a - sum(b) for a, b in zip(whole_sums, zip(*spent.values(), strict=True), strict=True)]
    rows = {**spent, "the rest: begin, commit": rest, "all": whole_sums}
    return [(stage, *(f"{value / count * 1e6:.1f}" for value in sums)) for stage, sums in rows.items()]


class _Clocks:
    """Seconds: of the clock, of this thread's CPU, of the CPU of the database's process that serves us."""

    def __init__(self, backend: int) -> None:
        self._scheduled = Path(f"/proc/{backend}/schedstat")

    def __call__(self) -> tuple[float, float, float]:
        return time.perf_counter(), time.thread_time(), int(self._scheduled.read_text().split()[0]) / 1e9


def _timed(
    function: Callable[..., Any], stage: str, spent: dict[str, list[float]], clocks: _Clocks
) -> Callable[..., Any]:
    @wraps(function)
    def timed(*arguments: Any, **named: Any) -> Any:
        before = clocks()
        try:
            return function(*arguments, **named)
        finally:
            sums = spent.setdefault(stage, [0.0, 0.0, 0.0])
            for place, (early, late) in enumerate(zip(before, clocks(), strict=True)):
                sums[place] += late - early

    return timed


def _messages(load: Load, count: int) -> list[Message]:
    return [Message(topic, body, 1, False, system_clock(), 0, 1) for topic, body in load.messages(count)]
