"""Sessions, gaps and messages of the ledger against a computation from the list of all that was sent and delivered."""

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.core.storage.changes import lag
from services.core.storage.connect import connect
from services.worker.job import Context, Progress
from services.worker.ledger import CONSUMER, step
from tests.ingest.ledger_sums import MONTHS, assert_added_up
from tests.ingest.ledger_world import START, day_of, messages_of, sessions_of, world

COLUMNS = ("received", "lost", "sessions", "late", "refused", "unknown", "repeats")
LEDGER = (
    "ledger_note, ledger_message, ledger_session, ledger_day, ledger_summary, ledger_organisation, ledger_platform,"
    " ledger_round, ledger_month, ledger_summary_month, ledger_organisation_month, ledger_closed"
)


def settled(territory) -> None:
    """The worker's job until nothing is left, whatever else runs on this server."""
    with connect(territory.url, role="terroir_service", autocommit=True) as connection:
        context = Context(connection, lambda: territory.now[0], territory.settings)
        while True:
            progress = step(context)
            behind = next(one.batches for one in lag(connection) if one.consumer == CONSUMER)
            if progress is not Progress.MORE and not behind:
                return


def book(territory) -> dict:
    rows = territory.rows(f"SELECT dev_eui, day, dev_addr, {', '.join(COLUMNS)} FROM ledger_session")
    return {tuple(row[:3]): {name: n for name, n in zip(COLUMNS, row[3:], strict=True) if n} for row in rows}


def prepared(territory, seed: int):
    territory.clear()
    territory.connection.execute(f"TRUNCATE {LEDGER}")
    for table in ("point", "site", "organisation"):
        territory.connection.execute(f"DELETE FROM {table} WHERE name = 'Autre'")
    senders = world(seed)
    last = max(frame.at for sender in senders for session in sender.sessions for frame in session.frames)
    # At the earliest in April, so that March is over while most of its frames are still to come.
    territory.now[0] = max(last + timedelta(minutes=20), START + timedelta(days=6))
    for sender in senders:
        if sender.declared:
            territory.declare(sender.dev_eui)
            territory.install(sender.dev_eui, f"Salle {sender.dev_eui}", START - timedelta(days=1))
    return senders, messages_of(territory, senders, random.Random(seed))


FIRST_RECEIVED = """
SELECT l.first_received, min(u.received_at)
FROM ledger_session l
JOIN uplink u ON u.dev_eui = l.dev_eui AND u.dev_addr = l.dev_addr
CROSS JOIN LATERAL (SELECT CASE u.outcome WHEN 'untimely' THEN u.received_at ELSE u.measured_at END AS at) AS f
WHERE l.day = (f.at AT TIME ZONE 'Europe/Paris')::date
GROUP BY l.dev_eui, l.dev_addr, l.day, l.first_received
"""


def assert_balanced(territory, senders, messages) -> None:
    truth = sessions_of(senders, territory.now[0])
    received = territory.connection.execute(FIRST_RECEIVED).fetchall()
    assert len(received) == len(book(territory))
    assert all(kept == found for kept, found in received)
    assert book(territory) == {key: dict(counts) for key, counts in truth.items()}
    today = day_of(territory.now[0])
    for sender in senders:
        own = [m for m in messages if sender.dev_eui in m.topic]
        # Everything was received on one day, which is that of messages; frames have their own.
        duplicates = len(own) - len({m.body for m in own})
        row = territory.rows(
            "SELECT sum(duplicates)::int AS duplicates, sum(quarantined)::int AS quarantined,"
            " sum(received)::int AS received, sum(lost)::int AS lost FROM ledger_day WHERE dev_eui = %s",
            sender.dev_eui,
        )[0]
        mine = [counts for (dev_eui, _, _), counts in truth.items() if dev_eui == sender.dev_eui]
        assert (row.duplicates or 0, row.quarantined or 0) == (duplicates, sender.garbage)
        assert (row.received or 0) == sum(counts["received"] for counts in mine)
        assert (row.lost or 0) == sum(counts["lost"] for counts in mine)
    outcomes = dict(
        territory.connection.execute(
            "SELECT outcome, sum(messages)::int FROM ledger_platform WHERE day = %s GROUP BY outcome", (today,)
        ).fetchall()
    )
    assert sum(outcomes.values()) == len(messages)
    assert outcomes["stored"] == len({m.body for m in messages if not m.body.startswith(b"{0") and len(m.body) > 9})


EXAMPLES = settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@EXAMPLES
@given(seed=st.integers(0, 10_000), cuts=st.integers(0, 6))
def test_the_ledger_is_what_was_sent_and_delivered(territory, seed, cuts):
    senders, messages = prepared(territory, seed)
    dice = random.Random(seed + 1)
    bounds = [0, *sorted(dice.randrange(len(messages) + 1) for _ in range(cuts)), len(messages)]
    for start, end in pairwise(bounds):
        if start < end:
            territory.now[0] += timedelta(milliseconds=5)
            territory.ingest(*messages[start:end])
        if dice.random() < 0.6:
            settled(territory)
            moved(territory, dice.choice(senders).dev_eui, dice)
    settled(territory)
    assert_balanced(territory, senders, messages)
    assert_added_up(territory, dice)
    assert all(territory.value(f"SELECT count(*) FROM {table}") for table in MONTHS)


def moved(territory, dev_eui: str, dice: random.Random) -> None:
    """The device is another organisation's from now on, or its point another theme's: its days have rows of both."""
    connection = territory.connection
    if not territory.value("SELECT count(*) FROM organisation WHERE name = 'Autre'"):
        connection.execute(
            "WITH o AS (INSERT INTO organisation (name, parent_id, created_at)"
            " SELECT 'Autre', min(id), now() FROM organisation RETURNING id),"
            " s AS (INSERT INTO site (organisation_id, name) SELECT id, 'Autre' FROM o RETURNING id, organisation_id)"
            " INSERT INTO point (organisation_id, site_id, theme, name, created_at)"
            " SELECT organisation_id, id, 'water', 'Autre', now() FROM s"
        )
    if dice.random() < 0.5:
        connection.execute(
            "UPDATE installation SET point_id = (SELECT id FROM point WHERE name = 'Autre'), channel = dev_eui"
            " WHERE dev_eui = %s",
            (dev_eui,),
        )
    else:
        connection.execute("UPDATE point SET theme = %s WHERE name <> 'Autre'", (dice.choice(["air", "water"]),))


@pytest.mark.parametrize("seed", [3, 71])
def test_two_writers_and_the_worker_at_once(territory, seed):
    senders, messages = prepared(territory, seed)
    shares = [messages[::2], messages[1::2]]

    def work(mine: list) -> None:
        pipeline, store = territory.pipeline()
        try:
            for begin in range(0, len(mine), 17):
                assert pipeline.process(mine[begin : begin + 17], lambda: True)
        finally:
            store.close()

    with ThreadPoolExecutor(2) as pool:
        tasks = [pool.submit(work, share) for share in shares]
        while not all(task.done() for task in tasks):
            settled(territory)
        for task in tasks:
            task.result()
    settled(territory)
    assert_balanced(territory, senders, messages)
