"""Frames kept before their device was known become readings, once, when it is."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from services.core.adoption import adopt_pending
from services.core.decoder_book import DecoderBook
from services.core.domain import Flag
from services.core.storage.connect import connect

NOW = datetime(2026, 9, 21, 14, 13, 22, tzinfo=UTC)
DEVICE = "24e124707c000001"
OTHER = "24e124707c000002"


def adopt(territory, limit: int = 1000) -> int:
    with connect(territory.url, role="terroir_service", autocommit=True) as connection:
        return adopt_pending(connection, lambda: territory.now[0], territory.settings, limit, DecoderBook())


def test_a_declared_device_gets_its_past(territory, am300_temperature):
    times = [NOW - timedelta(minutes=10 * n) for n in range(5)]
    territory.ingest(
        *[territory.up(DEVICE, am300_temperature(20 + n), at=at, f_cnt=9 - n) for n, at in enumerate(times)]
    )
    territory.ingest(territory.up(OTHER, am300_temperature(1)))
    assert adopt(territory) == 0
    territory.device(DEVICE)
    territory.now[0] = later = NOW + timedelta(hours=3)
    assert adopt(territory) == 5
    assert adopt(territory) == 0
    assert territory.readings() == [(at, 20.0 + n, 0) for n, at in reversed(list(enumerate(times)))]
    assert territory.value("SELECT measured_at FROM latest") == NOW
    assert [r.dev_eui for r in territory.rows("SELECT dev_eui FROM uplink_pending")] == [OTHER]
    assert {r.outcome for r in territory.rows("SELECT outcome FROM uplink")} == {"unknown_device"}
    [run] = territory.rows("SELECT * FROM decode_run")
    assert (run.kind, run.started_at) == ("adoption", later)
    said = territory.rows("SELECT run, outcome, decoder, decode_reason FROM uplink_decode")
    assert [tuple(row) for row in said] == [(run.id, "decoded", "milesight/am300@1", None)] * 5
    batch = territory.rows("SELECT * FROM batch ORDER BY id DESC")[0]
    assert (batch.kind, batch.committed_at, batch.first_uplink) == ("adoption", later, None)
    assert (batch.from_at, batch.to_at) == ([times[-1]], [times[0]])


def test_only_what_was_measured_while_installed(territory, am300_temperature):
    times = [NOW - timedelta(hours=3), NOW - timedelta(hours=2), NOW - timedelta(hours=1)]
    territory.ingest(*[territory.up(DEVICE, am300_temperature(20), at=at, f_cnt=n) for n, at in enumerate(times)])
    territory.declare(DEVICE)
    assert adopt(territory) == 0
    territory.install(DEVICE, start=times[1], end=times[2])
    assert adopt(territory) == 1
    assert [(at, Flag(flags)) for at, _, flags in territory.readings()] == [(times[1], Flag.LATE)]
    assert territory.value("SELECT count(*) FROM uplink_pending") == 2
    territory.install(DEVICE, "Salle 4", start=times[2])
    assert adopt(territory) == 1


def test_a_frame_that_gives_nothing_waits_no_longer(territory, am300_temperature):
    territory.ingest(territory.up(DEVICE, b"\xee\xee\x01"), territory.up(DEVICE, am300_temperature(20), f_cnt=2))
    territory.device(DEVICE)
    assert adopt(territory) == 2
    said = territory.rows("SELECT outcome, decode_reason FROM uplink_decode ORDER BY uplink")
    assert [tuple(row) for row in said] == [("refused", "unknown_type"), ("decoded", None)]
    assert adopt(territory) == 0


def test_a_frame_that_retention_took_waits_no_longer(territory, am300_temperature):
    territory.ingest(territory.up(DEVICE, am300_temperature(20)))
    territory.connection.execute("DELETE FROM uplink")
    territory.device(DEVICE)
    assert adopt(territory) == 1
    assert territory.value("SELECT count(*) FROM uplink_pending") == 0
    assert territory.value("SELECT count(*) FROM decode_run") == 0


def test_an_adopted_frame_obeys_the_rule_of_who_wins(territory, am300_temperature):
    first = territory.up(DEVICE, am300_temperature(20.0), f_cnt=1, deduplication_id=UUID(int=1))
    second = territory.up(DEVICE, am300_temperature(21.0), f_cnt=2, deduplication_id=UUID(int=2))
    territory.ingest(first)
    territory.device(DEVICE)
    territory.ingest(second)
    # Ingest may not have heard of the declaration yet: then both frames waited.
    assert adopt(territory) in {1, 2}
    assert territory.readings() == [(NOW, 20.0, Flag.CONFLICT)]
    [latest] = territory.rows("SELECT value, flags FROM latest")
    assert tuple(latest) == (20.0, Flag.CONFLICT)


@pytest.mark.parametrize("limit", [7, 100])
def test_two_adoptions_at_once_share_the_work(territory, am300_temperature, limit):
    times = [NOW - timedelta(minutes=n) for n in range(60)]
    territory.ingest(
        *[territory.up(DEVICE, am300_temperature(20 + n / 10), at=at, f_cnt=99 - n) for n, at in enumerate(times)]
    )
    territory.device(DEVICE)

    def work() -> int:
        done = 0
        while found := adopt(territory, limit):
            done += found
        return done

    with ThreadPoolExecutor(2) as pool:
        assert sum(future.result() for future in [pool.submit(work), pool.submit(work)]) == 60
    assert len(territory.readings()) == 60
    assert territory.value("SELECT count(*) FROM uplink_decode") == 60
    assert territory.value("SELECT count(*) FROM uplink_pending") == 0
