"""Messages in, rows out: on a real database of each grade."""

from datetime import UTC, datetime

NOW = datetime(2026, 9, 21, 14, 13, 22, tzinfo=UTC)
DEVICE = "24e124707c000001"


def test_an_uplink_becomes_readings(territory, am300_temperature):
    territory.device(DEVICE)
    territory.ingest(territory.up(DEVICE, am300_temperature(21.5) + b"\x04\x68\x73", f_cnt=7))
    [uplink] = territory.rows("SELECT * FROM uplink")
    assert (uplink.dev_eui, uplink.f_cnt, uplink.outcome) == (DEVICE, 7, "decoded")
    assert uplink.decoder == "milesight/am300@1"
    assert territory.readings() == [(NOW, 21.5, 0)]
    assert territory.readings("relative_humidity") == [(NOW, 57.5, 0)]
    assert territory.outcomes() == {"stored": 1}
