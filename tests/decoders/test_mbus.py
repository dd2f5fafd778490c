"""M-Bus records: numbers, times and units worked out by hand from EN 13757-3."""

from datetime import UTC, datetime

import pytest

from decoders import DecodeError, Reason
from decoders.collector import Collector
from decoders.mbus import Function, Record, records
from decoders.mbus_values import meaning_of, profile_values
from decoders.reader import Reader


def only(payload: str) -> Record:
    (record,) = records(Reader(bytes.fromhex(payload)))
    return record


@pytest.mark.parametrize(
    ("payload", "quantity", "expected"),
    [
        ("0406 e8030000", "thermal_energy_total", 1000),  # kWh
        ("0403 e8030000", "thermal_energy_total", 1),  # Wh
        ("040e 24000000", "thermal_energy_total", 10),  # 36 MJ
        ("04fb00 0a000000", "thermal_energy_total", 1000),  # 1 MWh in tenths
        ("04fb08 24000000", "thermal_energy_total", 1000),  # 3.6 GJ in tenths
        ("0486ff02 64000000", "cooling_energy_total", 100),
        ("0c14 95156002", "water_volume_total", 26015.95),  # decimal digits
        ("04933c ec000000", "water_volume_reverse_total", 0.236),
        ("0493 3b ec000000", "water_volume_total", 0.236),  # forward flow
        ("022c 7002", "thermal_power", 6240),
        ("023b 0e03", "water_flow", 0.782),
        ("0243 0100", "water_flow", 0.006),  # 0.1 L/min
        ("025a a602", "flow_temperature", 67.8),
        ("025d fdff", "return_temperature", -0.03),
        ("0569 0000c03f", "water_pressure", 0.015),  # 1.5 as a float, in hundredths of a bar
        ("0a5a 0708", "flow_temperature", 80.7),
        ("0a5a 07f8", "flow_temperature", -80.7),  # a leading F is a minus
    ],
)
def test_values(payload: str, quantity: str, expected: float) -> None:
    record = only(payload)
    meaning, number = meaning_of(record), record.number
    assert meaning is not None
    assert number is not None
    assert meaning.quantity == quantity
    assert meaning.value(number) == pytest.approx(expected)


@pytest.mark.parametrize("payload", ["0413 00000080", "0213 0080", "0c14 e1223344", "0013", "0d1303 414243"])
def test_no_value(payload: str) -> None:
    assert only(payload).number is None


def test_header_fields() -> None:
    record = only("bc 90 61 06 00000000")
    assert record.function is Function.ERROR
    assert (record.storage, record.tariff, record.subunit) == (0x20, 0b1001, 0b10)


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ("046d 00331837", datetime(2024, 7, 24, 19, tzinfo=UTC)),
        ("046d 3b173e26", datetime(2017, 6, 30, 23, 59, tzinfo=UTC)),  # no century: this one
        ("046d 80331837", None),  # marked as invalid
        ("046d 00331930", None),  # no month
        ("426c 0582", datetime(2064, 2, 5, tzinfo=UTC)),
        ("426c ffff", None),
        ("066d 050607018355", datetime(2064, 3, 1, 7, 6, 5, tzinfo=UTC)),
        ("066d 058607018355", None),
    ],
)
def test_times(payload: str, expected: datetime | None) -> None:
    assert only(payload).time == expected


@pytest.mark.parametrize("payload", ["04ff10 00000000", "047f 00000000", "0478 00000000", "04fd17 00000000"])
def test_codes_without_a_quantity(payload: str) -> None:
    assert meaning_of(only(payload)) is None


def test_fillers_are_passed_over_and_texts_skipped() -> None:
    found = list(records(Reader(bytes.fromhex("2f2f 047c 03 6b5767 01000000 2f"))))
    assert [record.vif for record in found] == [0x7C]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ("0406e803", Reason.SHORT_FRAME),
        ("0f", Reason.UNKNOWN_TYPE),
        ("84" + "80" * 12, Reason.BAD_VALUE),
        ("0d1330", Reason.SHORT_FRAME),
    ],
)
def test_refusals(payload: str, reason: Reason) -> None:
    with pytest.raises(DecodeError) as refusal:
        list(records(Reader(bytes.fromhex(payload))))
    assert refusal.value.reason is reason


@pytest.mark.parametrize(
    ("control", "spacing", "start", "expected"),
    [
        ("42", "0c", datetime(2024, 3, 1, 6, tzinfo=UTC), [datetime(2024, 3, 1, 5, 59, 48, tzinfo=UTC)]),
        ("52", "0f", datetime(2024, 3, 1, 0, 5, tzinfo=UTC), [datetime(2024, 2, 29, 23, 50, tzinfo=UTC)]),
        (
            "72",
            "fe",  # months: the last day of a shorter one stands for the 31st, and the next is the 31st again
            datetime(2024, 3, 31, tzinfo=UTC),
            [datetime(2024, 2, 29, tzinfo=UTC), datetime(2024, 1, 31, tzinfo=UTC)],
        ),
        ("62", "fe", datetime(2024, 2, 1, tzinfo=UTC), [datetime(2023, 11, 1, tzinfo=UTC)]),
        (
            "52",
            "fe",
            datetime(2024, 2, 1, tzinfo=UTC),
            [datetime(2023, 8, 1, tzinfo=UTC), datetime(2023, 2, 1, tzinfo=UTC)],
        ),
    ],
)
def test_profiles_go_back_in_time(control: str, spacing: str, start: datetime, expected: list[datetime]) -> None:
    base = only("4413 64000000")  # 100 litres
    steps = "0100" * len(expected)
    profile = only(f"4d9313 {2 + 2 * len(expected):02x} {control}{spacing} {steps}")
    found = list(profile_values(profile, [base, profile], start, Collector()))
    assert found == [(at, 99 - n) for n, at in enumerate(expected)]


def test_a_profile_that_ends_before_the_calendar_is_refused() -> None:
    base, profile = only("4413 64000000"), only("4d9313 06 52fe 0100 0100")
    with pytest.raises(DecodeError) as refusal:
        list(profile_values(profile, [base, profile], datetime(1, 8, 1, tzinfo=UTC), Collector()))
    assert refusal.value.reason is Reason.BAD_VALUE


@pytest.mark.parametrize(("control", "spacing"), [("42", "fe"), ("52", "00"), ("52", "fd"), ("12", "01"), ("50", "01")])
def test_profiles_of_another_kind_are_left_out(control: str, spacing: str) -> None:
    out = Collector()
    base, profile = only("4413 64000000"), only(f"4d9313 04 {control}{spacing} 0100")
    assert list(profile_values(profile, [base, profile], datetime(2024, 1, 1, tzinfo=UTC), out)) == []
    assert out.warnings == [f"a profile with control 0x{control} and spacing {int(spacing, 16)} was left out"]
