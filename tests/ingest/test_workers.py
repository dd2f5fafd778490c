"""Several workers, fewer workers, another filter: whatever is changed, the broker's queues end up in the store."""

import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from services.core.clock import system_clock
from services.core.settings import Settings
from services.core.storage.connect import connect
from services.core.storage.ingest_sessions import note_session, session_filters, unattended_sessions
from services.demo.ports import free_port
from services.demo.scrape import sample
from services.ingest.membership import Membership
from services.ingest.metrics import Metrics
from services.ingest.store import Store
from services.ingest.sums import Sums
from tests.ingest.test_ingest_process import Load, assert_exactly, declare_all, event, eventually, stored

PLAIN = "application/+/device/+/event/+"
SHARED = f"$share/terroir/{PLAIN}"


class Command:
    """``terroir ingest`` with these arguments."""

    def __init__(self, database: str, broker: str, log: Path, *arguments: str, **settings: object) -> None:
        self.port = free_port()
        self._count = int(arguments[arguments.index("--workers") + 1]) if "--workers" in arguments else 0
        values = {
            "database_url": database,
            "mqtt_url": broker,
            "ingest_metrics_port": self.port,
            "batch_messages": 100,
            "mqtt_receive_maximum": 300,
            **settings,
        }
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TERROIR_")}
        self.log = log
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "services.cli", "ingest", *arguments],
                env=kept | {f"TERROIR_{name.upper()}": str(value) for name, value in values.items()},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def said(self) -> str:
        return self.log.read_text()

    def sample(self, name: str, labels: str = "") -> float:
        return sample(self.port, f"terroir_ingest_{name}", labels) or 0.0

    def ready(self) -> bool:
        assert self.process.poll() is None, self.said()
        # The session is there before the last worker is.
        return self.sample("connected") == 1 and len(self.workers()) == self._count

    def workers(self) -> list[int]:
        return [
            int(pid) for pid in Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        ]

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)


@pytest.fixture
def ingest(embedded_database, mosquitto, tmp_path) -> Iterator[Callable[..., Command]]:
    """Starts commands; what still runs at the end of the test is ended."""
    started: list[Command] = []

    def start(*arguments: str, **settings: object) -> Command:
        command = Command(embedded_database, mosquitto.url, tmp_path / f"{len(started)}.log", *arguments, **settings)
        started.append(command)
        return command

    declare_all(embedded_database)
    yield start
    for command in started:
        if command.process.poll() is None:
            command.end()
        sys.stdout.write(command.said()[-4000:])


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_two_workers_killed_again_and_again(ingest, embedded_database, publisher):
    dice = random.Random(20260921)
    parent = ingest("--workers", "2")
    eventually(parent.ready)
    with Load(publisher) as load:
        for kills in (1, 2):
            load.until(load.sent + 100)
            os.kill(dice.choice(parent.workers()), signal.SIGKILL)
            eventually(lambda kills=kills: parent.sample("worker_restarts_total") == kills)
    eventually(lambda: stored(embedded_database) == load.sent)
    assert parent.sample("worker_restarts_total") == 2
    assert [parent.sample("worker_up", f'worker="terroir-ingest-0.{n}"') for n in (1, 2)] == [1, 1]
    members = parent.workers()
    assert parent.end() == 0
    assert not any(alive(pid) for pid in members)
    assert_exactly(embedded_database, load.sent)


def test_figures_are_those_of_all_together_and_survive_a_worker(ingest, embedded_database, publish, mosquitto):
    parent = ingest("--workers", "2")
    eventually(parent.ready)
    publish(mosquitto, [event(number) for number in range(200)])
    eventually(lambda: parent.sample("messages_total", 'outcome="stored"') == 200)
    os.kill(parent.workers()[0], signal.SIGKILL)
    eventually(lambda: parent.sample("worker_restarts_total") == 1)
    eventually(parent.ready)
    assert parent.sample("messages_total", 'outcome="stored"') == 200
    assert parent.sample("batch_messages_sum") == 200


def test_workers_end_with_a_parent_that_was_killed(ingest):
    parent = ingest("--workers", "2")
    eventually(parent.ready)
    members = parent.workers()
    parent.end(signal.SIGKILL)
    eventually(lambda: not any(alive(pid) for pid in members))


def test_a_setting_that_is_wrong_is_told_before_anything_starts(ingest, tmp_path):
    missing = tmp_path / "no-authority.pem"
    parent = ingest("--workers", "2", mqtt_url="mqtts://127.0.0.1:1", mqtt_ca_file=missing)
    assert parent.process.wait(60) == 2
    assert parent.said().splitlines()[-1].startswith(f"terroir: TERROIR_MQTT_CA_FILE: {missing}")


def test_from_one_process_to_two_and_back_loses_and_doubles_nothing(ingest, embedded_database, publisher):
    """One session under one name, whatever the number; killed or ended in order."""
    turn = ingest()
    eventually(turn.ready)
    with Load(publisher) as load:
        for arguments, ending in (
            (("--workers", "2"), signal.SIGTERM),
            (("--workers", "3"), signal.SIGKILL),
            ((), signal.SIGTERM),
        ):
            at_first = stored(embedded_database)
            eventually(lambda at_first=at_first: stored(embedded_database) > at_first + 100)
            assert turn.end(ending) == (0 if ending is signal.SIGTERM else -signal.SIGKILL)
            load.until(load.sent + 100)
            turn = ingest(*arguments, mqtt_client="fast" if "3" in arguments else "paho")
            eventually(turn.ready)
    assert turn.end(signal.SIGKILL) == -signal.SIGKILL
    last = ingest("--workers", "2")
    eventually(lambda: stored(embedded_database) == load.sent)
    assert last.end() == 0
    assert filters(embedded_database, "terroir-ingest-0") == {PLAIN}
    assert_exactly(embedded_database, load.sent)


def test_a_broker_restarted_under_two_workers_forgets_nothing(ingest, embedded_database, mosquitto, publish):
    """With a shared filter Mosquitto 2.0 would drop what comes before a member is back."""
    parent = ingest("--workers", "2")
    eventually(parent.ready)
    publish(mosquitto, [event(number) for number in range(50)])
    eventually(lambda: stored(embedded_database) == 50)
    # Nobody is there when it comes back.
    os.kill(parent.process.pid, signal.SIGSTOP)
    mosquitto.restart()
    publish(mosquitto, [event(number) for number in range(50, 250)])
    os.kill(parent.process.pid, signal.SIGCONT)
    eventually(lambda: stored(embedded_database) == 250)
    assert parent.end() == 0
    assert_exactly(embedded_database, 250)


def test_a_broker_that_forgot_is_in_the_ledger_once(ingest, embedded_database, mosquitto, publish):
    """The session is the parent's, the batches are the workers': the loss is counted by who knows of it."""
    parent = ingest("--workers", "2")
    eventually(parent.ready)
    mosquitto.kill()
    (mosquitto.folder / "data" / "mosquitto.db").unlink(missing_ok=True)
    mosquitto.start()
    eventually(lambda: parent.sample("sessions_lost_total") == 1)
    eventually(parent.ready)
    publish(mosquitto, [event(number) for number in range(50)])
    eventually(lambda: stored(embedded_database) == 50)
    eventually(lambda: platform(embedded_database, "sessions_lost") == 1)
    # What is acknowledged is stated with the next batch.
    publish(mosquitto, [event(number) for number in range(50, 100)])
    eventually(lambda: platform(embedded_database, "acknowledged") >= 50)
    eventually(lambda: platform(embedded_database, "stored") == 100)
    assert parent.end() == 0
    assert platform(embedded_database, "sessions_lost") == 1


def platform(database: str, outcome: str) -> int:
    with psycopg.connect(database) as connection:
        return connection.execute(
            "SELECT coalesce(sum(messages), 0)::int FROM ledger_platform WHERE outcome = %s", (outcome,)
        ).fetchone()[0]


def test_the_workers_of_before_are_told_of_and_drained(ingest, embedded_database, mosquitto, publish):
    """Until they were dealt to, workers had sessions of their own on a shared filter: an upgrade finds two."""
    before = [ingest(mqtt_topic=SHARED, mqtt_client_id=f"terroir-ingest-{n}") for n in (0, 1)]
    for member in before:
        eventually(member.ready)
    for member in before:
        assert member.end() == 0
    publish(mosquitto, [event(number) for number in range(200)])
    parent = ingest("--workers", "2")
    eventually(lambda: filters(embedded_database, "terroir-ingest-0") == {PLAIN})
    eventually(lambda: stored(embedded_database) >= 100)
    assert "session_left" in parent.said()
    assert "terroir ingest --drain terroir-ingest-1" in parent.said()
    publish(mosquitto, [event(number) for number in range(200, 300)])
    drain = ingest("--drain", "terroir-ingest-1")
    assert drain.process.wait(60) == 0, drain.said()
    assert "the session is closed" in drain.said()
    eventually(lambda: stored(embedded_database) == 300)
    assert parent.end() == 0
    assert_exactly(embedded_database, 300)


def test_members_of_a_shared_filter_can_have_workers(ingest, embedded_database, mosquitto, publish):
    members = [ingest("--workers", "2", mqtt_topic=SHARED, mqtt_client_id=name) for name in ("here", "there")]
    for member in members:
        eventually(member.ready)
        assert "subscription_is_shared" in member.said()
    publish(mosquitto, [event(number) for number in range(200)])
    eventually(lambda: stored(embedded_database) == 200)
    assert [member.end() for member in members] == [0, 0]
    assert_exactly(embedded_database, 200)
    with psycopg.connect(embedded_database) as connection:
        names = {name for (name,) in connection.execute("SELECT DISTINCT process FROM ledger_platform")}
    assert {name.partition(".")[0] for name in names} == {"here", "there"}
    assert all("." in name for name in names), "the parents store nothing"


def test_a_dead_member_of_a_shared_filter_keeps_its_share_until_it_expires(
    ingest, embedded_database, mosquitto, publish
):
    """Then what it was dealt is lost, and the others get everything. Terroir says so, before and after."""
    members = [
        ingest(mqtt_topic=SHARED, mqtt_client_id=name, mqtt_session_expiry=expiry)
        for name, expiry in (("here", 600), ("there", 5))
    ]
    for member in members:
        eventually(member.ready)
    members[1].end(signal.SIGKILL)
    publish(mosquitto, [event(number) for number in range(100)])
    eventually(lambda: stored(embedded_database) == 50)
    eventually(lambda: "Expiring" in mosquitto.log.read_text())
    publish(mosquitto, [event(number) for number in range(100, 200)])
    eventually(lambda: stored(embedded_database) == 150)
    drain = ingest("--drain", "there", "--force")
    assert drain.process.wait(60) == 1
    assert "the broker keeps no session there: it has expired, and what it held is lost" in drain.said()
    assert_exactly(embedded_database, 150)


def filters(database: str, client_id: str) -> set[str]:
    with connect(database, role="terroir_service") as connection:
        return {one.filter for one in session_filters(connection, client_id)}


@pytest.mark.parametrize("client", ["fast", "paho"])
def test_a_drained_session_is_empty_and_gone(ingest, embedded_database, publish, mosquitto, client):
    members = [
        ingest(mqtt_client=client, mqtt_topic=SHARED, mqtt_client_id=name)
        for name in ("terroir-ingest-0", "terroir-ingest-1")
    ]
    for member in members:
        eventually(member.ready)
    for member in members:
        assert member.end() == 0
    publish(mosquitto, [event(number) for number in range(400)])
    for name, share in (("terroir-ingest-0", 200), ("terroir-ingest-1", 200)):
        drain = ingest("--drain", name, mqtt_client=client)
        assert drain.process.wait(60) == 0, drain.said()
        assert drain.said().splitlines()[-1] == f"{name}: {share} messages stored, the session is closed"
    assert_exactly(embedded_database, 400)
    # Nobody is a member any more: what comes now is nobody's, and the broker keeps nothing.
    publish(mosquitto, [event(number) for number in range(400, 420)])
    drain = ingest("--drain", "terroir-ingest-0", mqtt_client=client)
    assert drain.process.wait(60) == 0
    assert "the broker keeps no session terroir-ingest-0" in drain.said()
    assert stored(embedded_database) == 400


def test_a_session_that_is_served_is_not_drained(ingest):
    one = ingest()
    eventually(one.ready)
    drain = ingest("--drain", "terroir-ingest-0")
    assert drain.process.wait(60) == 2
    assert "terroir-ingest-0 was served" in drain.said()
    assert one.ready()


def test_a_session_that_expired_before_it_was_drained_is_a_loss(ingest, embedded_database):
    with connect(embedded_database, role="terroir_service") as connection:
        note_session(connection, "terroir-ingest-7", SHARED, system_clock() - timedelta(days=8), served=True)
    drain = ingest("--drain", "terroir-ingest-7")
    assert drain.process.wait(60) == 1
    assert "it has expired, and what it held is lost" in drain.said()
    assert filters(embedded_database, "terroir-ingest-7") == set()


def test_a_session_nobody_serves_is_told_of(embedded_database, capsys):
    now = datetime(2026, 9, 21, 12, tzinfo=UTC)
    settings = Settings(database_url=embedded_database)
    with connect(embedded_database, role="terroir_service", autocommit=True) as connection:
        note_session(connection, "terroir-ingest-0", PLAIN, now - timedelta(minutes=6), served=True)
        note_session(connection, "terroir-ingest-1", PLAIN, now - timedelta(hours=1), served=True)
        note_session(connection, "terroir-ingest-1", SHARED, now - timedelta(minutes=6), served=False)
        metrics = Metrics()
        store = Store(settings, lambda: now)
        membership = Membership(store, settings, SHARED, metrics)
        assert membership.begin(now).unwanted == (PLAIN,)
        membership.tend(now)
        store.close()
        assert [one.client_id for one in unattended_sessions(connection, now)] == ["terroir-ingest-1"]
    assert metrics.unattended._value.get() == 1
    said = capsys.readouterr().out
    assert "a dead shared-subscription member keeps its share, and loses it at expiry (2026-09-28T11:54+00:00)" in said
    assert "terroir ingest --drain terroir-ingest-1" in said


def test_status_names_the_command_that_empties_it(embedded_database, mosquitto):
    with connect(embedded_database, role="terroir_service") as connection:
        note_session(connection, "terroir-ingest-1", SHARED, system_clock() - timedelta(hours=1), served=True)
    status = subprocess.run(
        [sys.executable, "-m", "services.cli", "status"],
        env={**os.environ, "TERROIR_DATABASE_URL": embedded_database, "TERROIR_MQTT_URL": mosquitto.url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert status.returncode == 1
    assert "UNWELL: nobody serves the session terroir-ingest-1" in status.stdout
    assert "run: terroir ingest --drain terroir-ingest-1" in status.stdout


def test_counters_of_the_dead_stay_and_gauges_go():
    text = '# HELP a_total Counted.\n# TYPE a_total counter\na_total{x="1"} 3.0\n# HELP g Now.\n# TYPE g gauge\ng 7.0\n'
    total = Sums.read(text)
    total.add(Sums.read(text))
    total.add(Sums.read(text), gauges=False)
    found = {s.name + str(s.labels): s.value for metric in total.metrics() for s in metric.samples}
    assert found == {"a_total{'x': '1'}": 9.0, "g{}": 14.0}
