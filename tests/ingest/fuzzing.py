"""Bad messages through parser, pipeline and store, on a real database; every one is accounted for.

    make fuzz-ingest ARGS="--cases 1000000"

Sent = stored + duplicate + quarantined, by the metrics and by what is in the tables; and each message is looked for
where it must be: in quarantine or among the events with its very bytes, or as the uplink or event whose id they hold.
"""

import argparse
import hashlib
import json
import re
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from uuid import UUID

import psycopg

import decoders
from services.core.domain import DeviceEvent
from services.core.settings import Settings
from services.core.storage.connect import connect
from services.core.storage.migrate import migrate
from services.core.storage.quarantine import Search
from services.core.times import TimeRules
from services.core.vocabulary import sync_vocabulary
from services.demo.postgres import Server, embedded_binaries
from services.ingest.chirpstack_topic import TopicFilter
from services.ingest.metrics import Metrics
from services.ingest.parsing import BODY_LIMIT, Parser
from services.ingest.pipeline import Pipeline
from services.ingest.replay import Replay
from services.ingest.replay_account import Fate
from services.ingest.source import Message
from services.ingest.store import Store
from tests.ingest.fuzz_cases import Fuzzer

START = datetime(2026, 9, 21, 14, 13, 22, tzinfo=UTC)
BATCH = 1000
NOT_OURS = frozenset({"parser_crashed", "store_refused", "retry"})
"""Outcomes that are faults of ours, whatever was sent."""

_UUID = re.compile(rb"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


@dataclass
class Account:
    sent: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    decoded: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    replayed: Counter[str] = field(default_factory=Counter)


class Fuzzed:
    """A database that is sent bad messages."""

    def __init__(self, url: str) -> None:
        # The limit would rightly stop it.
        self._settings = Settings(database_url=url, quarantine_share=1.0)
        self._now = START
        self._connection = connect(url, autocommit=True)
        self._places: set[int] = set()
        self._last_quarantined = 0
        self._parser = Parser(
            TopicFilter(self._settings.mqtt_topic), self._settings.encoding, TimeRules.of(self._settings)
        )

    def devices(self) -> list[str]:
        """One declared and installed device of each model."""
        sync_vocabulary(self._connection)
        execute = self._connection.execute
        execute("INSERT INTO organisation (name, created_at) VALUES ('Commune', now())")
        execute("INSERT INTO site (organisation_id, name) SELECT id, 'École' FROM organisation")
        declared: list[str] = []
        for n, decoder in enumerate(decoders.all_decoders()):
            dev_eui = f"24e124707c00{n:04x}"
            execute(
                "INSERT INTO point (organisation_id, site_id, theme, name, created_at)"
                " SELECT organisation_id, id, 'air', %s, now() FROM site",
                (dev_eui,),
            )
            execute(
                "INSERT INTO device (dev_eui, organisation_id, model_id, declared_at)"
                " SELECT %s, id, %s, now() FROM organisation",
                (dev_eui, decoder.model),
            )
            execute(
                "INSERT INTO installation (dev_eui, point_id, period) SELECT %s, id, '[2020-01-01,)' FROM point"
                " WHERE name = %s",
                (dev_eui, dev_eui),
            )
            declared.append(dev_eui)
        return declared

    def run(self, cases: int, seed: int, progress: Callable[[int], None] = lambda _: None) -> Account:
        account, metrics = Account(), Metrics()
        stream: Iterator[tuple[str, bytes]] = iter(Fuzzer(seed, self.devices()))
        store = Store(self._settings, lambda: self._now)
        pipeline = Pipeline(self._parser, store, self._settings, lambda: self._now, metrics)
        while account.sent < cases:
            self._now += timedelta(seconds=1)
            batch = list(islice(stream, min(BATCH, cases - account.sent)))
            messages = [Message(topic, body, 1, False, self._now, 0, 0) for topic, body in batch]
            if not pipeline.process(messages, lambda: False):
                account.faults.append(f"a batch was given up after {account.sent} messages")
                break
            account.sent += len(batch)
            self._look_for(batch, account)
            progress(account.sent)
        store.close()
        self._balance(account, metrics)
        self._replayed(account)
        return account

    def _look_for(self, batch: list[tuple[str, bytes]], account: Account) -> None:
        """Every message must be somewhere, now or from before."""
        rows = self._connection.execute(
            "SELECT id, topic, body FROM quarantine WHERE id > %s ORDER BY id", (self._last_quarantined,)
        ).fetchall()
        for number, topic, body in rows:
            self._last_quarantined = number
            self._places.add(place(b"message", topic.encode(), body))
        for dev_eui, event, key, body in self._connection.execute(
            "SELECT dev_eui, event, deduplication_id, body FROM device_event WHERE received_at = %s", (self._now,)
        ):
            self._places.add(place(event.encode(), dev_eui.encode(), body))
            if (told := self._told(f"application/a/device/{dev_eui}/event/{event}", body)) is not None:
                self._places.add(told)
            # A log names the frame it is about; it has no id of its own.
            if key is not None and event != "log":
                self._places.add(place(event.encode(), dev_eui.encode(), key.bytes))
        for dev_eui, key, outcome, reason in self._connection.execute(
            "SELECT dev_eui, deduplication_id, outcome, decode_reason FROM uplink WHERE received_at = %s", (self._now,)
        ):
            self._places.add(place(b"up", dev_eui.encode(), key.bytes))
            account.decoded[str(outcome)] += 1
            if reason == "decoder_crashed":
                account.faults.append(f"a decoder crashed on uplink {key} of {dev_eui}")
        for topic, body in batch:
            if any(spot in self._places for spot in places_of(topic, body)) or self._told(topic, body) in self._places:
                continue
            account.faults.append(f"not found: {topic!r} {body[:300]!r}")

    def _told(self, topic: str, body: bytes) -> int | None:
        """Where an event is that has no id of its own: with one that says the same, whatever else is in its body."""
        event = self._parser.parse(Message(topic, body, 1, False, self._now, 0, 0))
        if not isinstance(event, DeviceEvent):
            return None
        said = json.dumps(event.detail, sort_keys=True).encode()
        return place(b"told", event.key, event.event.encode() + event.dev_eui.encode() + said)

    def _balance(self, account: Account, metrics: Metrics) -> None:
        for metric in metrics.messages.collect():
            for sample in metric.samples:
                if sample.name.endswith("_total") and sample.value:
                    account.outcomes[sample.labels["reason"] or sample.labels["outcome"]] += int(sample.value)
        account.faults += [f"{count} messages: {name}" for name, count in account.outcomes.items() if name in NOT_OURS]
        row = self._connection.execute(
            "SELECT (SELECT count(*) FROM uplink) + (SELECT count(*) FROM device_event),"
            " (SELECT count(*) FROM quarantine), (SELECT count(*) FROM seen)"
        ).fetchone()
        assert row is not None
        stored, quarantined, seen = row
        refused = account.outcomes.total() - account.outcomes["stored"] - account.outcomes["duplicate"]
        for what, found, expected in (
            ("messages counted", account.outcomes.total(), account.sent),
            ("rows stored", stored, account.outcomes["stored"]),
            ("rows in quarantine", quarantined, refused),
            ("keys", seen, account.outcomes["stored"] + refused),
        ):
            if found != expected:
                account.faults.append(f"{what}: {found}, and it should be {expected}")

    def _replayed(self, account: Account) -> None:
        """The same parser comes to the same conclusion."""
        with connect(self._settings.database_url.get_secret_value(), autocommit=True) as connection:
            replayed = Replay(connection, self._settings, lambda: self._now, "fuzz").run(
                Search(), None, dry_run=False, stop=threading.Event()
            )
        for fate in Fate:
            account.replayed[fate.value] = replayed.total(fate)
        if replayed.messages != replayed.total(Fate.STILL_BAD):
            account.faults.append(f"a replay changes something: {account.replayed}")

    def close(self) -> None:
        self._connection.close()


def places_of(topic: str, body: bytes) -> Iterator[int]:
    """Where a message may be. The topic as PostgreSQL can keep it: 4000 characters, no NUL, no lone surrogate."""
    kept = topic[:4000].replace("\0", "\ufffd").encode(errors="replace")
    yield place(b"message", kept, body[:BODY_LIMIT])
    levels = topic.split("/")
    event = levels[-1].encode(errors="replace")
    for level in levels:
        if re.fullmatch("[0-9a-fA-F]{16}", level):
            yield place(event, level.lower().encode(), body)
            for text in _UUID.findall(body):
                yield place(event, level.lower().encode(), UUID(text.decode()).bytes)


def place(kind: bytes, name: bytes, content: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(b"\0".join((kind, name, content)), digest_size=8).digest(), "big")


def main() -> int:
    parser = argparse.ArgumentParser(prog="make fuzz-ingest", description=__doc__.partition("\n")[0])
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    began = time.monotonic()

    def progress(done: int) -> None:
        if done % 20_000 == 0:
            print(f"{done} messages, {time.monotonic() - began:.0f} s", file=sys.stderr)  # noqa: T201

    with tempfile.TemporaryDirectory() as folder, Server(embedded_binaries(), Path(folder), durable=False) as server:
        with psycopg.connect(server.conninfo(), autocommit=True) as connection:
            connection.execute("CREATE DATABASE fuzz")
        migrate(server.conninfo("fuzz"))
        fuzzed = Fuzzed(server.url("fuzz"))
        account = fuzzed.run(wanted.cases, wanted.seed, progress)
        fuzzed.close()
    show(account, time.monotonic() - began, wanted.seed)
    return 1 if account.faults else 0


def show(account: Account, seconds: float, seed: int) -> None:
    lines = [f"{account.sent} messages of seed {seed} in {seconds:.0f} s"]
    lines += [f"  {name:20} {count:10}" for name, count in account.outcomes.most_common()]
    lines += ["uplinks by decoding"]
    lines += [f"  {name:20} {count:10}" for name, count in account.decoded.most_common()]
    lines += ["replay of the quarantine", *(f"  {name:20} {count:10}" for name, count in account.replayed.items())]
    lines += [f"{len(account.faults)} faults", *account.faults[:50]]
    print("\n".join(line.encode(errors="backslashreplace").decode() for line in lines))  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
