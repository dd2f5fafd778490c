"""The vocabulary is closed, complete and sane."""

import re

import pytest

from decoders import all_decoders
from decoders.quantities import QUANTITIES, Kind, Quantity, Use, get

EACH_QUANTITY = pytest.mark.parametrize("quantity", QUANTITIES.values(), ids=lambda quantity: quantity.code)

# UCUM, case sensitive: the atoms and prefixes that our units are made of (ucum.org, tables 1 to 24).
METRIC_ATOMS = {"m", "s", "g", "K", "Cel", "W", "V", "A", "Pa", "bar", "L", "l", "lx", "var", "B", "[g]", "Hz"}
OTHER_ATOMS = {"%", "h", "min", "d", "deg", "[ppm]", "[ppb]", "1"}
CONVENTIONAL = {"dB", "S", "kvar", "var"}
PREFIXES = {"k", "h", "d", "c", "m", "u", "n", "M", "G"}

# RFC 8428 section 12.1 and RFC 8798 section 3.
SENML = {
    *("m", "kg", "g", "s", "A", "K", "V", "W", "J", "Pa", "Cel", "lx", "m2", "m3", "m/s", "W/m2", "lat", "lon", "Hz"),
    *("dB", "count", "/", "%RH", "%EL", "S/m", "var", "VA", "deg"),
    *("kWh", "kvarh", "Ah", "mA", "mV", "ug/m3", "ppm", "hPa", "mm", "cm", "km", "/100", "mm/h"),
}


def is_ucum(unit: str) -> bool:
    """Whether a unit is written in UCUM's grammar with the atoms we allow: products and quotients of atoms."""
    if unit == "1":
        return True
    for component in re.split(r"[./]", unit):
        match = re.fullmatch(r"(\[?[A-Za-z%]+\]?)(-?[1-9])?", component)
        if match is None or not is_atom(match[1]):
            return False
    return True


def is_atom(text: str) -> bool:
    if text in METRIC_ATOMS | OTHER_ATOMS | CONVENTIONAL:
        return True
    return text[0] in PREFIXES and text[1:] in METRIC_ATOMS | CONVENTIONAL


@pytest.mark.parametrize("unit", ["ppm", "°C", "ug/m^3", "m³", "", "kW h", "L//h", "Celsius"])
def test_the_unit_checker_refuses(unit: str) -> None:
    assert not is_ucum(unit)


@EACH_QUANTITY
def test_entries_are_sane(quantity: Quantity) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_]*", quantity.code)
    assert is_ucum(quantity.unit)
    assert quantity.minimum < quantity.maximum
    assert quantity.origin
    assert (quantity.unit_label == "") == (quantity.unit == "1")
    for label in (quantity.label_fr, quantity.label_en):
        assert label == label.strip()
        assert label[0].isupper() or label[0] in "É4"


@EACH_QUANTITY
def test_kinds_are_consistent(quantity: Quantity) -> None:
    if quantity.kind is Kind.STATE:
        assert (quantity.unit, quantity.minimum, quantity.maximum) == ("1", 0, 1)
    if quantity.kind is not Kind.GAUGE:
        assert quantity.spike is None
        assert quantity.stuck_hours is None
    if quantity.kind is Kind.COUNTER_DELTA:
        assert quantity.minimum == 0
    if quantity.code.endswith("_total"):
        assert quantity.kind is Kind.COUNTER
    for limit in (quantity.spike, quantity.stuck_hours):
        assert limit is None or limit > 0
    assert quantity.spike is None or quantity.spike <= quantity.maximum - quantity.minimum


@EACH_QUANTITY
def test_mappings_are_sane(quantity: Quantity) -> None:
    mappings = quantity.mappings
    assert mappings.senml is None or mappings.senml in SENML
    assert mappings.un_cefact is None or re.fullmatch(r"[A-Z0-9]{2,3}", mappings.un_cefact)
    for target in (mappings.ttn, mappings.smart_data_models):
        assert target is None or (target.name and target.factor > 0)


@EACH_QUANTITY
def test_use_is_told_truly(quantity: Quantity) -> None:
    decoded = any(quantity.code in decoder.quantities for decoder in all_decoders())
    assert decoded == (quantity.use is Use.DECODED)


def test_labels_are_unique() -> None:
    for labels in (
        [quantity.label_fr for quantity in QUANTITIES.values()],
        [quantity.label_en for quantity in QUANTITIES.values()],
    ):
        assert len(labels) == len(set(labels))


def test_lookup() -> None:
    assert get("co2") is QUANTITIES["co2"]
    assert get("temp") is None
