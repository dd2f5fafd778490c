"""Mappings: paths, units, states, times, and what a mapping may not say."""

import json
import math
from datetime import UTC, datetime

import pytest

from decoders.codec.codec import make_codec
from decoders.codec.mapping import MOST_VALUES, TooManyValues, Unusable, apply
from decoders.codec.mapping_file import MappingError, mapping_text, parse_mapping
from decoders.codec.paths import PathError, find, parse_path, path_text
from decoders.codec.proposal import propose, unmapped
from decoders.codec.units import UnitError, conversion
from decoders.quantities import QUANTITIES


def mapped(data, *values, **more):
    mapping = parse_mapping(json.dumps({"values": list(values), **more}))
    return apply(mapping, data)


def values(data, *rules):
    return [(v.quantity, v.channel, v.value, v.measured_at) for v in mapped(data, *rules).decoded.values]


@pytest.mark.parametrize(
    ("source", "value", "target", "expected"),
    [
        # Fixed points: water freezes at 32 F and boils at 212 F; -40 is the same on both scales.
        ("[degF]", 32, "Cel", 0),
        ("[degF]", 212, "Cel", 100),
        ("[degF]", -40, "Cel", -40),
        ("K", 273.15, "Cel", 0),
        ("Cel", 25, "K", 298.15),
        ("Pa", 101325, "hPa", 1013.25),
        ("kPa", 101.325, "hPa", 1013.25),
        ("[psi]", 14.695948775513, "bar", 1.01325),
        ("mm[Hg]", 1, "hPa", 1.33322387415),
        ("mV", 3600, "V", 3.6),
        ("L", 1234, "m3", 1.234),
        ("[gal_us]", 1, "L", 3.785411784),
        ("[ft_i]", 1, "mm", 304.8),
        ("[in_i]", 1, "mm", 25.4),
        ("km/h", 36, "m/s", 10),
        ("[kn_i]", 1, "m/s", 1852 / 3600),
        ("[mi_i]/h", 1, "m/s", 0.44704),
        ("MJ", 3.6, "kW.h", 1),
        ("W.h", 1000, "kW.h", 1),
        ("dS/m", 1, "uS/cm", 1000),
        ("mS/cm", 1, "uS/cm", 1000),
        ("S/m", 1, "mS/cm", 10),
        ("[ppb]", 400000, "[ppm]", 400),
        ("mg/m3", 0.03, "ug/m3", 30),
        ("L/min", 60, "m3/h", 3.6),
        ("rad", math.pi, "deg", 180),
        ("1", 0.5, "%", 50),
        ("kg", 1.5, "g", 1500),
        ("h", 2, "s", 7200),
        ("m/s2", 9.80665, "[g]", 1),
        ("mA.h", 1500, "A.h", 1.5),
        ("cm", 123, "mm", 1230),
    ],
)
def test_units_convert(source, value, target, expected):
    assert conversion(source, target)(value) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("unit", sorted({q.unit for q in QUANTITIES.values()}))
def test_every_unit_of_the_vocabulary_converts_to_itself(unit):
    assert conversion(unit, unit)(1.25) == 1.25


def test_units_that_do_not_fit_are_told_with_those_that_do():
    with pytest.raises(UnitError, match=r"'hPa' does not convert to 'Cel'; what does: Cel, K, \[degF\]"):
        conversion("hPa", "Cel")
    with pytest.raises(UnitError):
        conversion("furlong", "m")
    with pytest.raises(UnitError):
        conversion("Cel", "1")


@pytest.mark.parametrize(
    ("text", "segments"),
    [
        ("temperature", ("temperature",)),
        ("data.temperature", ("temperature",)),
        ("data", ("data",)),
        ('["data"].temperature', ("data", "temperature")),
        ("channels[0].value", ("channels", 0, "value")),
        ("channels[*].value", ("channels", None, "value")),
        ("sensors.*.value", ("sensors", None, "value")),
        ('["a.b"]["c\\"d"]', ("a.b", 'c"d')),
        ("Température", ("Température",)),
        ("[3]", (3,)),
    ],
)
def test_paths(text, segments):
    assert parse_path(text) == segments
    assert parse_path(path_text(segments)) == segments


@pytest.mark.parametrize("text", ["", ".", "a..b", "a[", "a[x]", "a[-1]", "a.", "a]b"])
def test_what_is_no_path(text):
    with pytest.raises(PathError):
        parse_path(text)


def test_what_a_path_finds():
    data = {"c": [{"v": 1}, {"w": 2}, {"v": 3}], "s": {"x": {"v": 4}, "1": {"v": 5}}, "l": [1]}
    assert list(find(data, parse_path("c[*].v"))) == [(1, (0,)), (3, (2,))]
    assert list(find(data, parse_path("s.*.v"))) == [(4, ("x",)), (5, ("1",))]
    assert list(find(data, parse_path("c[2].v"))) == [(3, ())]
    for missing in ("c[9].v", "c.v", "l.x", "s[0].v", "nothing", "c[0].v.deeper"):
        assert list(find(data, parse_path(missing))) == []


def test_values_in_their_units_and_channels():
    data = {"t": 212, "p": "1013.2", "c": [{"v": 1}, {"v": 2.5}], "probes": {"top": 3, "low": 4}}
    assert values(
        data,
        {"path": "t", "quantity": "air_temperature", "unit": "[degF]"},
        {"path": "p", "quantity": "air_pressure"},
        {"path": "c[*].v", "quantity": "soil_moisture_vwc"},
        {"path": "probes.*", "quantity": "soil_temperature"},
        {"path": "c[0].v", "quantity": "soil_ec", "channel": "left"},
        {"path": "c[*].v", "quantity": "soil_temperature", "channel": "probe-*"},
        {"path": "not.there", "quantity": "co2"},
    ) == [
        ("air_temperature", "", pytest.approx(100), None),
        ("air_pressure", "", 1013.2, None),
        ("soil_moisture_vwc", "1", 1.0, None),
        ("soil_moisture_vwc", "2", 2.5, None),
        ("soil_temperature", "top", 3.0, None),
        ("soil_temperature", "low", 4.0, None),
        ("soil_ec", "left", 1.0, None),
        ("soil_temperature", "probe-1", 1.0, None),
        ("soil_temperature", "probe-2", 2.5, None),
    ]


def test_names_from_outside_can_be_stored():
    data = json.loads('{"probes": {"a\\u0000b": 1, "\\ud800": 2, "%s": 3}}' % ("x" * 100))
    found = values(data, {"path": "probes.*", "quantity": "soil_temperature"})
    assert [channel for _, channel, _, _ in found] == ["a?b", "?", "x" * 64]


def test_states():
    rule = {"path": "door", "quantity": "door_open", "states": {"Open": 1, "closed": 0, "true": 1, "2": 1}}
    for said, expected in (("open", 1.0), (" CLOSED ", 0.0), (True, 1.0), (2, 1.0), (2.0, 1.0)):
        assert values({"door": said}, rule) == [("door_open", "", expected, None)]
    unknown = mapped({"door": "ajar"}, rule)
    assert unknown.decoded.values == ()
    assert unknown.dropped == {Unusable.NOT_A_NUMBER: 1}
    assert values({"door": True}, {"path": "door", "quantity": "door_open"}) == [("door_open", "", 1.0, None)]


def test_records_have_their_own_time():
    data = {
        "log": [
            {"t": 1, "at": "2026-03-01T08:00:00Z"},
            {"t": 2, "at": 1772352000},
            {"t": 3, "at": 1772352000000},
            {"t": 4, "at": "2026-03-01T08:00:00"},
            {"t": 5},
            {"t": 6, "at": 1e300},
            {"t": 7, "at": True},
        ]
    }
    rule = {"path": "log[*].t", "quantity": "air_temperature", "time": "log[*].at"}
    at = datetime(2026, 3, 1, 8, tzinfo=UTC)
    result = mapped(data, rule)
    # Three records of one moment: the last said counts.
    assert [(v.value, v.channel, v.measured_at) for v in result.decoded.values] == [(3.0, "", at)]
    assert result.dropped == {Unusable.WITHOUT_TIME: 4}


def test_what_cannot_be_a_value_is_counted_and_told():
    data = {
        "a": "\0NaN",
        "b": "\0-Infinity",
        "c": "\0function",
        "d": "text",
        "e": [1],
        "f": None,
        "g": 21,
        "h": 10**400,
    }
    result = mapped(data, *({"path": name, "quantity": "air_temperature"} for name in "abcdefgh"))
    assert [v.value for v in result.decoded.values] == [21.0]
    assert result.dropped == {Unusable.NOT_FINITE: 2, Unusable.NOT_A_NUMBER: 4}
    assert "a: value not finite" in result.decoded.warnings


def test_no_frame_gives_thousands_of_values():
    data = {"log": list(range(MOST_VALUES + 10))}
    with pytest.raises(TooManyValues):
        mapped(data, {"path": "log[*]", "quantity": "air_temperature"})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "not JSON"),
        ("[]", "an object is wanted"),
        ('{"value": []}', "'value' is not known"),
        ('{"values": {}}', "values: a list is wanted"),
        ('{"values": [{"path": "t"}]}', r"values\[0\].quantity is missing"),
        ('{"values": [{"path": "t", "quantity": "temprature"}]}', "the vocabulary has no 'temprature'"),
        ('{"values": [{"quantity": "co2"}]}', r"values\[0\].path is missing"),
        ('{"values": [{"path": "a[", "quantity": "co2"}]}', "is no path"),
        ('{"values": [{"path": "a", "quantity": "co2", "unit": "Cel"}]}', r"values\[0\].unit: 'Cel' does not convert"),
        ('{"values": [{"path": "a", "quantity": "co2", "unti": "Cel"}]}', "'unti' is not known"),
        ('{"values": [{"path": "a", "quantity": "door_open", "states": {"x": "y"}}]}', "a number is wanted"),
        ('{"values": [], "variables": {"a": 1}}', "the values are text"),
        ("[" * 100000, "not JSON"),
    ],
)
def test_a_wrong_mapping_is_told_where(text, told):
    with pytest.raises(MappingError, match=told):
        parse_mapping(text)


def test_a_mapping_survives_being_written():
    text = json.dumps(
        {
            "values": [
                {
                    "path": 'a[*].["b.c"]'.replace(".[", "["),
                    "quantity": "air_temperature",
                    "unit": "[degF]",
                    "time": "a[*].t",
                },
                {"path": "d", "quantity": "door_open", "channel": "left", "states": {"open": 1}},
            ],
            "ignore": ["serial"],
            "variables": {"k": "v"},
        }
    )
    once = parse_mapping(text)
    assert parse_mapping(mapping_text(once)) == once


def test_a_version_is_its_content():
    mapping = parse_mapping('{"values": [{"path": "t", "quantity": "air_temperature"}]}')
    again = parse_mapping('{ "values" : [ {"quantity": "air_temperature", "path": "data.t", "unit": "Cel"} ] }')
    other = parse_mapping('{"values": [{"path": "t", "quantity": "air_temperature", "unit": "K"}]}')
    first = make_codec("acme/x", "function f() {}", mapping)
    assert first.label == f"acme/x@{first.version}"
    assert make_codec("acme/x", "function f() {}", again).version == first.version
    assert make_codec("acme/x", "function f() { }", mapping).version != first.version
    assert make_codec("acme/x", "function f() {}", other).version != first.version
    assert make_codec("acme/x", None, mapping).version != make_codec("acme/x", "", mapping).version


def test_a_first_mapping_is_proposed_from_names():
    """Shapes as public codecs print them: flat, normalized, value with unit, numbered, states, lists with times."""
    data = {
        "temperature": 21.5,
        "BatV": 3.6,
        "battery": 95,
        "Hum_SHT": "45.2",
        "door": "closed",
        "water_leak": True,
        "pm2_5": {"value": 12, "unit": "µg/m³"},
        "battery_voltage": {"displayName": "Battery voltage", "value": 3012, "unit": "mV"},
        "soil_temperature_2": 9.5,
        "history": [{"temperature": 20.0, "time": "2026-03-01T08:00:00Z"}],
        "air": {"relativeHumidity": 44},
        "serial": "ABC",
        "counter_unknown": 4,
    }
    proposal = propose([data])
    found = {path_text(r.path): (r.quantity, r.unit, r.channel, r.time and path_text(r.time)) for r in proposal.rules}
    assert found == {
        "temperature": ("air_temperature", "Cel", None, None),
        "BatV": ("battery_voltage", "V", None, None),
        "battery": ("battery_level", "%", None, None),
        "Hum_SHT": ("relative_humidity", "%", None, None),
        "door": ("door_open", "1", None, None),
        "water_leak": ("water_leak", "1", None, None),
        "pm2_5.value": ("pm2_5", "ug/m3", None, None),
        "battery_voltage.value": ("battery_voltage", "mV", "battery_voltage_value", None),
        "soil_temperature_2": ("soil_temperature", "Cel", "2", None),
        "history[*].temperature": ("air_temperature", "Cel", None, "history[*].time"),
        "air.relativeHumidity": ("relative_humidity", "%", "air_relativeHumidity", None),
    }
    assert [path for path, _ in unmapped(proposal, data)] == [
        "pm2_5.unit",
        "battery_voltage.displayName",
        "battery_voltage.unit",
        "serial",
        "counter_unknown",
    ]
    door = next(v for v in apply(proposal, data).decoded.values if v.quantity == "door_open")
    assert door.value == 0.0
