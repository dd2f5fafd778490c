"""Events a second that one process of the simulator generates and publishes to Mosquitto at QoS 1.

Everything is counted: start, manifest, text, publication, acknowledgements. The reference publishes the same bodies as
fast as it can, from memory, without a manifest. On a machine that others use, read the processor time.
"""

import argparse
import json
import platform
import resource
import sys
import tempfile
import threading
import time
from base64 import b64decode
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from simulator_stages import watched

from services.demo.mosquitto import Broker, mosquitto_program
from simulator.run import Options, run
from simulator.targets.publisher import PublisherTarget

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenario", default="agglomeration")
    parser.add_argument(
        "--hours", type=float, default=24.0, help="simulated; 24 of agglomeration are some 85,000 events"
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, Broker(mosquitto_program(), Path(name) / "broker") as broker:
        folder = Path(name)
        options = Options(
            scenario=arguments.scenario,
            manifest=folder / "file.sqlite",
            file=folder / "events.jsonl",
            since=NOW - timedelta(hours=arguments.hours),
            until=NOW,
            speed="max",
            clock=lambda: NOW,
        )
        published = replace(options, manifest=folder / "mqtt.sqlite", file=None, mqtt_url=broker.url)
        with watched() as stages:
            rows = [measured("generated and published", published)]
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        rows.append(measured("generated, to a file", options))
        size = (folder / "file.sqlite").stat().st_size / rows[-1][1]
        lines = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
        rows.append(bare([(line["topic"], b64decode(line["body"])) for line in lines], broker.url))
    reference = rows[-1][1] / rows[-1][2]
    write = sys.stdout.write
    write(f"{platform.machine()}, Python {platform.python_version()}, {arguments.scenario}, {arguments.hours:g} h\n\n")
    write("| what | events | s | events/s | us of processor/event | ratio |\n|---|---|---|---|---|---|\n")
    for what, events, seconds, processor in rows:
        rate = events / seconds
        cost, ratio = processor / events * 1e6, rate / reference
        write(f"| {what} | {events:,} | {seconds:.1f} | {rate:,.0f} | {cost:.0f} | {ratio:.2f} |\n")
    write(f"\n{shares(stages)}\n\nlargest resident memory {memory} MB, manifest {size:.0f} B an event\n")


def shares(stages: Counter[str]) -> str:
    """The stages of the published run, the largest first."""
    total = max(1, stages.total())
    lines = [f"| {stage} | {count / total:.0%} |" for stage, count in stages.most_common()]
    return "\n".join(("| stage, generated and published | share |", "|---|---|", *lines))


def measured(what: str, options: Options) -> tuple[str, int, float, float]:
    began = time.process_time()
    summary = run(options)
    if summary.outstanding:
        raise SystemExit(f"{summary.outstanding} events were not acknowledged")
    return what, summary.copies, summary.seconds, time.process_time() - began


def bare(messages: list[tuple[str, bytes]], url: str) -> tuple[str, int, float, float]:
    target = PublisherTarget(url, threading.Event())
    start, began = time.perf_counter(), time.process_time()
    for number, (topic, body) in enumerate(messages):
        target.publish(number, topic, body)
    left = target.flush(60)
    target.close()
    if left:
        raise SystemExit(f"{left} events were not acknowledged")
    return "bare publisher", len(messages), time.perf_counter() - start, time.process_time() - began


if __name__ == "__main__":
    main()
