"""The decoders' words in the database."""

import psycopg
import pytest

from decoders import all_decoders
from decoders.quantities import QUANTITIES
from services.core.storage.connect import connect
from services.core.vocabulary import Synced, VocabularyError, sync_vocabulary


def test_every_quantity_and_model_is_stored_and_a_second_time_changes_nothing(embedded_database: str) -> None:
    with connect(embedded_database, role="terroir_service") as connection:
        assert sync_vocabulary(connection) == Synced(len(QUANTITIES), len(all_decoders()))
        assert sync_vocabulary(connection) == Synced(0, 0)
        # A meter's index, in UCUM: cubic metres.
        assert connection.execute(
            "SELECT unit, unit_label, kind, minimum, label_fr FROM quantity WHERE code = 'water_volume_total'"
        ).fetchone() == ("m3", "m³", "counter", 0, "Index du compteur d'eau")
        stored = connection.execute("SELECT id, decoder FROM device_model ORDER BY id").fetchall()
        assert stored == [(decoder.model, decoder.model) for decoder in all_decoders()]


def test_what_drifted_is_put_right_and_what_an_operator_set_stays(embedded_database: str) -> None:
    with connect(embedded_database, role="terroir_service") as connection:
        connection.execute(
            "INSERT INTO device_model (id, name, expected_interval) VALUES ('milesight/am300', '?', '10 min')"
        )
        connection.execute("INSERT INTO device_model (id, name) VALUES ('other/thing', 'Thing')")
        sync_vocabulary(connection)
        connection.execute("UPDATE quantity SET maximum = 1 WHERE code = 'co2'")
        assert sync_vocabulary(connection) == Synced(1, 0)
        rows = connection.execute(
            "SELECT id, decoder, extract(epoch FROM expected_interval)::int FROM device_model"
            " WHERE id IN ('milesight/am300', 'other/thing') ORDER BY id"
        ).fetchall()
    assert rows == [("milesight/am300", "milesight/am300", 600), ("other/thing", None, None)]


def test_a_unit_never_changes(embedded_database: str) -> None:
    with connect(embedded_database, role="terroir_service") as connection:
        sync_vocabulary(connection)
        connection.execute("UPDATE quantity SET unit = 'Cel', maximum = 1 WHERE code = 'co2'")
        connection.commit()
        with pytest.raises(VocabularyError, match="quantity co2: stored readings are in 'Cel', this release says"):
            sync_vocabulary(connection)


def test_the_api_may_not_write_it(embedded_database: str) -> None:
    with (
        connect(embedded_database, role="terroir_api") as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        sync_vocabulary(connection)
