"""What the decoders can say, written into the database: quantities and device models."""

from dataclasses import dataclass

from psycopg import Connection
from psycopg.rows import TupleRow

from decoders import all_decoders
from decoders.quantities import QUANTITIES
from services.core.storage.queries import load


class VocabularyError(Exception):
    """A quantity has another unit in this release than in the database, whose readings would change their meaning."""


@dataclass(frozen=True, slots=True)
class Synced:
    """How many rows were added or brought up to date; 0 and 0 when all was as it should be."""

    quantities: int
    models: int


def sync_vocabulary(connection: Connection[TupleRow]) -> Synced:
    """Bring the tables ``quantity`` and ``device_model`` to this release's decoders, in one transaction; repeatable.

    Raises VocabularyError, psycopg.Error.
    """
    sql = load("vocabulary")
    quantities = list(QUANTITIES.values())
    decoders = all_decoders()
    with connection.transaction():
        for code, unit in connection.execute(sql["units"]).fetchall():
            if code in QUANTITIES and QUANTITIES[code].unit != unit:
                raise VocabularyError(
                    f"quantity {code}: stored readings are in {unit!r}, this release says {QUANTITIES[code].unit!r}; "
                    "a unit never changes: give the new meaning a code of its own in decoders/vocabulary"
                )
        changed = connection.execute(
            sql["sync_quantities"],
            {
                "code": [quantity.code for quantity in quantities],
                "unit": [quantity.unit for quantity in quantities],
                "unit_label": [quantity.unit_label for quantity in quantities],
                "kind": [quantity.kind.value for quantity in quantities],
                "minimum": [float(quantity.minimum) for quantity in quantities],
                "maximum": [float(quantity.maximum) for quantity in quantities],
                "label_fr": [quantity.label_fr for quantity in quantities],
                "label_en": [quantity.label_en for quantity in quantities],
            },
        ).rowcount
        models = connection.execute(
            sql["sync_models"],
            {
                "id": [decoder.model for decoder in decoders],
                "name": [f"{decoder.vendor} {decoder.name}" for decoder in decoders],
            },
        ).rowcount
    return Synced(changed, models)
