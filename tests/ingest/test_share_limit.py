"""A release that cannot read the frames stops by itself; floods, quiet sites and single devices do not stop it."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from services.ingest.share_limit import QuarantineHalt

DEVICES = [f"24e124707c0001{n:02x}" for n in range(20)]


@pytest.fixture
def village(embedded_territory, am300_temperature):
    """Twenty devices, each heard once."""
    territory = embedded_territory
    for dev_eui in DEVICES:
        territory.device(dev_eui, point=dev_eui)
    territory.ingest(*[territory.up(dev_eui, am300_temperature(20)) for dev_eui in DEVICES])
    return territory


def foreign(territory, dev_eui, number=0):
    """A frame as ChirpStack v3 wrote it: no ``deviceInfo``."""
    body = {"applicationID": "1", "devEUI": dev_eui, "fCnt": number, "data": "A2fIAA==", "objectJSON": ""}
    return territory.message(f"application/1/device/{dev_eui}/event/up", json.dumps(body).encode())


def one_by_one(territory, batches) -> None:
    for batch in batches:
        territory.ingest(*batch)


def quarantined(territory) -> int:
    return territory.value("SELECT count(*) FROM quarantine")


def test_a_batch_that_most_devices_fail_in_is_held(village):
    stored = village.value("SELECT count(*) FROM seen")
    with pytest.raises(QuarantineHalt) as halt:
        village.ingest(*[foreign(village, dev_eui) for dev_eui in DEVICES[:11]])
    assert (halt.value.devices, halt.value.of_devices, halt.value.reason) == (11, 20, "missing_field")
    assert quarantined(village) == 0
    assert village.value("SELECT count(*) FROM seen") == stored, "nothing of it is stored, so nothing is acknowledged"


def test_half_of_the_devices_may_fail(village):
    village.ingest(*[foreign(village, dev_eui) for dev_eui in DEVICES[:10]])
    assert quarantined(village) == 10
    with pytest.raises(QuarantineHalt):
        village.ingest(foreign(village, DEVICES[10]))


def test_drop_by_drop_it_is_noticed_too(village):
    with pytest.raises(QuarantineHalt):
        one_by_one(village, [[foreign(village, dev_eui)] for dev_eui in DEVICES])
    assert quarantined(village) == 10


def test_no_flood_of_strangers_or_of_one_device_trips_it(village):
    strangers = [foreign(village, f"{n:016x}") for n in range(2000)]
    own = [foreign(village, DEVICES[0], n) for n in range(2000)]
    elsewhere = [village.message(f"application/a/device/x/event/up{n}", b"?") for n in range(500)]
    village.ingest(*strangers)
    village.ingest(*own, *elsewhere)
    assert quarantined(village) == 4500


def test_no_flood_hides_it(village, am300_temperature):
    """Well-formed frames of devices nobody declared, ten times as many, in the same batches."""
    batches = [[foreign(village, dev_eui)] for dev_eui in DEVICES]
    for n, batch in enumerate(batches):
        flood = [village.up(f"{n:08x}{m:08x}", am300_temperature(20)) for m in range(10)]
        batch[:] = [*flood, *batch, *flood]
    with pytest.raises(QuarantineHalt):
        one_by_one(village, batches)
    assert quarantined(village) == 10


def test_other_events_do_not_hide_it(village):
    def status(dev_eui, n):
        body = {"deduplicationId": f"00000000-0000-4000-8000-{n:012x}", "deviceInfo": {"devEui": dev_eui}, "margin": 5}
        return village.message(f"application/a/device/{dev_eui}/event/status", json.dumps(body).encode())

    with pytest.raises(QuarantineHalt):
        one_by_one(village, [[foreign(village, dev_eui), status(dev_eui, n)] for n, dev_eui in enumerate(DEVICES)])
    assert quarantined(village) == 10


def test_a_site_of_few_devices_is_left_alone(embedded_territory, am300_temperature):
    territory = embedded_territory
    for dev_eui in DEVICES[:4]:
        territory.device(dev_eui, point=dev_eui)
    for turn in range(30):
        territory.ingest(*[foreign(territory, dev_eui, turn) for dev_eui in DEVICES[:4]])
    assert quarantined(territory) == 120


def test_devices_long_gone_do_not_hide_it(village, am300_temperature):
    village.now[0] += timedelta(days=2)
    village.ingest(*[village.up(dev_eui, am300_temperature(21), f_cnt=2) for dev_eui in DEVICES[:6]])
    with pytest.raises(QuarantineHalt) as halt:
        village.ingest(*[foreign(village, dev_eui) for dev_eui in DEVICES[:6]])
    assert (halt.value.devices, halt.value.of_devices) == (6, 6)


def test_a_new_process_knows_who_was_heard(village):
    """Its first batch is judged, and five broken ones of twenty are no reason, though they come first."""
    village.close()
    village.ingest(*[foreign(village, dev_eui) for dev_eui in DEVICES[:5]])
    assert quarantined(village) == 5
    village.close()
    with pytest.raises(QuarantineHalt):
        village.ingest(*[foreign(village, dev_eui) for dev_eui in DEVICES])
    assert quarantined(village) == 5


def test_what_a_broken_topic_parser_refuses_counts(village, monkeypatch):
    pipeline, store = village.pipeline()
    monkeypatch.setattr(type(pipeline._parser._topics), "parse", lambda *_: None)
    with pytest.raises(QuarantineHalt) as halt:
        pipeline.process([foreign(village, dev_eui) for dev_eui in DEVICES], lambda: False)
    store.close()
    assert halt.value.reason == "unexpected_topic"


def test_what_the_store_refuses_counts(village, am300_temperature):
    """A release whose statements fail for every frame."""
    village.connection.execute("ALTER TABLE uplink ADD CONSTRAINT broken CHECK (f_cnt < 100)")
    with pytest.raises(QuarantineHalt) as halt:
        village.ingest(*[village.up(dev_eui, am300_temperature(20), f_cnt=100) for dev_eui in DEVICES])
    assert halt.value.reason == "store_refused"
    assert quarantined(village) == 10


def test_the_limit_can_be_switched_off(embedded_territory, am300_temperature):
    territory = replace(
        embedded_territory, settings=embedded_territory.settings.model_copy(update={"quarantine_share": 1.0})
    )
    for dev_eui in DEVICES:
        territory.device(dev_eui, point=dev_eui)
    territory.ingest(*[foreign(territory, dev_eui) for dev_eui in DEVICES])
    territory.close()
    assert quarantined(territory) == 20


def test_a_worker_that_gets_some_devices_judges_by_those_alone(village):
    """The others' last frames, which all were well, are no votes of its own."""
    pipeline, store = village.pipeline()
    mine = DEVICES[:10]
    pipeline.limit.only(lambda dev_eui: dev_eui in mine)
    with pytest.raises(QuarantineHalt) as halt:
        pipeline.process([foreign(village, dev_eui) for dev_eui in mine[:6]], lambda: False)
    assert (halt.value.devices, halt.value.of_devices) == (6, 10)
    store.close()
