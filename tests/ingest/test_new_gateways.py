"""Gateways are taken up as they are heard, but not without end, and what the others heard is kept."""

from dataclasses import replace
from datetime import timedelta

import pytest
from click.testing import CliRunner

from services.cli import main
from services.core.storage.gateways import Gateways
from tests.ingest.conftest import RECEIVED_AT, temperature

OTHERS = "0000000000000000"


@pytest.fixture
def bounded(embedded_territory):
    settings = embedded_territory.settings.model_copy(update={"new_gateways_per_day": 5})
    return replace(embedded_territory, settings=settings)


def hear(territory, f_cnt: int, *gateways: str):
    return territory.up(f"24e124707c{f_cnt:06x}", temperature(20), f_cnt=1, gateways=gateways)


def heard(territory) -> dict[str, int]:
    """Receptions by gateway."""
    rows = territory.rows("SELECT g.eui, count(*) AS n FROM reception r JOIN gateway g ON g.id = r.gateway GROUP BY 1")
    return {row.eui: row.n for row in rows}


def eui(number: int) -> str:
    return f"0016c001{number:08x}"


def test_a_flood_makes_as_many_as_may_be_new_and_every_frame_and_reception_is_kept(bounded):
    bounded.ingest(hear(bounded, 1, eui(1), eui(2)))
    counted = []
    bounded.shared[0][1].inventory.known_gateways.on_refused = counted.append
    # Known and invented ones in one batch, and batch after batch.
    for batch in range(10):
        bounded.ingest(*(hear(bounded, 100 * batch + n, eui(1), eui(1000 * batch + n)) for n in range(10, 30)))
    assert bounded.value("SELECT count(*) FROM gateway") == 6
    assert bounded.value("SELECT count(*) FROM uplink") == 201
    assert bounded.rows("SELECT DISTINCT gateway_count FROM uplink") == [(2,)]
    # Twenty in each of ten batches; three of the first found room beside the two that were there.
    assert heard(bounded) == {eui(1): 201, eui(2): 1, eui(10): 1, eui(11): 1, eui(12): 1, OTHERS: 197}
    assert counted == [17, *[20] * 9]


def test_another_process_has_no_room_of_its_own(bounded):
    bounded.ingest(hear(bounded, 1, *map(eui, range(5))))
    bounded.close()
    bounded.ingest(hear(bounded, 2, eui(3), eui(100)))
    assert heard(bounded) == {**{eui(n): 1 for n in range(5)}, eui(3): 2, OTHERS: 1}


def test_they_are_taken_up_when_a_day_has_passed(bounded):
    bounded.ingest(hear(bounded, 1, *map(eui, range(7))))
    bounded.now[0] = RECEIVED_AT + timedelta(hours=23)
    bounded.ingest(hear(bounded, 2, eui(6)))
    assert heard(bounded)[OTHERS] == 3
    bounded.now[0] = RECEIVED_AT + timedelta(hours=25)
    bounded.ingest(hear(bounded, 3, eui(6)))
    assert heard(bounded)[eui(6)] == 1
    assert heard(bounded)[OTHERS] == 3


def test_the_memory_of_a_process_does_not_grow_with_what_is_invented(bounded):
    book = Gateways(5)
    for number in range(0, 2000, 100):
        found = book.ids(bounded.connection, {eui(n): RECEIVED_AT for n in range(number, number + 100)}, RECEIVED_AT)
        assert len(set(found.values())) <= 6
    assert len(book._ids) == 6


def test_status_says_so(bounded, monkeypatch):
    bounded.now[0] = bounded.value("SELECT now()")
    monkeypatch.setenv("TERROIR_DATABASE_URL", bounded.url)
    monkeypatch.setenv("TERROIR_NEW_GATEWAYS_PER_DAY", "5")
    bounded.ingest(hear(bounded, 1, *map(eui, range(4))))
    said = CliRunner().invoke(main, ["status"]).output
    assert "gateways: 4 heard for the first time since yesterday" in said
    assert "TERROIR_NEW_GATEWAYS_PER_DAY" not in said.partition("State")[2]
    bounded.ingest(hear(bounded, 2, *map(eui, range(9))))
    ended = CliRunner().invoke(main, ["status"])
    assert "UNWELL: 5 gateways were heard for the first time since yesterday" in ended.output
    assert ended.exit_code == 1
