"""The closed vocabulary: every quantity Terroir knows, each with one fixed unit.

Codes and units follow The Things Stack's normalized payload and the FIWARE Smart Data Models where they
have a word; `Quantity.origin` tells. Units are UCUM; SenML names are those of RFC 8428 and RFC 8798.
"""

from collections.abc import Mapping
from types import MappingProxyType

from decoders.quantity import Kind, Mappings, Quantity, Target, Use
from decoders.vocabulary.air import AIR
from decoders.vocabulary.city import CITY
from decoders.vocabulary.energy import ENERGY
from decoders.vocabulary.soil import SOIL
from decoders.vocabulary.water import WATER
from decoders.vocabulary.weather import WEATHER

__all__ = ["QUANTITIES", "Kind", "Mappings", "Quantity", "Target", "Use", "get"]

QUANTITIES: Mapping[str, Quantity] = MappingProxyType(
    {quantity.code: quantity for quantity in (*AIR, *WEATHER, *WATER, *ENERGY, *SOIL, *CITY)}
)


def get(code: str) -> Quantity | None:
    """The quantity of that code, or None when the vocabulary has no such word."""
    return QUANTITIES.get(code)
