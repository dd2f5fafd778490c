"""The collector: later values win, what is not a number never gets through."""

import math
from datetime import UTC, datetime, timedelta

import pytest

from decoders import DecodeError, Reason
from decoders.collector import Collector
from decoders.jsontext import number_of, object_of
from decoders.times import from_unix, shifted

AT = datetime(2024, 1, 1, tzinfo=UTC)


def test_the_later_value_counts() -> None:
    out = Collector()
    out.add("co2", 400)
    out.add("co2", 410, measured_at=AT)
    out.add("co2", 420)
    assert [(value.value, value.measured_at) for value in out.done().values] == [(420, None), (410, AT)]
    assert out.has("co2", measured_at=AT)
    assert not out.has("co2", "indoor")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_not_a_number(value: float) -> None:
    out = Collector()
    out.add("co2", value, "indoor")
    decoded = out.done()
    assert decoded.values == ()
    assert decoded.warnings == ("co2 (indoor): not a number",)


def test_nothing_is_an_empty_frame() -> None:
    with pytest.raises(DecodeError) as refusal:
        Collector().done()
    assert refusal.value.reason is Reason.EMPTY_FRAME


def test_broken_off() -> None:
    error = DecodeError(Reason.UNKNOWN_TYPE, "unknown block at offset 3")
    with pytest.raises(DecodeError) as refusal:
        Collector().broken_off(error)
    assert refusal.value is error
    out = Collector()
    out.add("co2", 400)
    assert out.broken_off(error).warnings == ("unknown block at offset 3; the rest of the frame was left out",)


def test_text_payloads() -> None:
    content = object_of(b'{"E": "12.5", "N": 3, "T": true, "L": [1], "B": 1e999}')
    assert number_of(content, "E") == 12.5
    assert number_of(content, "N") == 3
    for name in ("T", "L", "B", "missing"):
        with pytest.raises(DecodeError, match="bad_value"):
            number_of(content, name)


@pytest.mark.parametrize("payload", [b"", b"[1]", b'{"E": NaN}', b"\xff\xfe", b"[" * 200, b'{"a":' + b"1" * 300 + b"}"])
def test_text_that_is_refused(payload: bytes) -> None:
    with pytest.raises(DecodeError) as refusal:
        object_of(payload)
    assert refusal.value.reason is Reason.BAD_VALUE


def test_times_stay_in_the_calendar() -> None:
    assert from_unix(1625759488) == datetime(2021, 7, 8, 15, 51, 28, tzinfo=UTC)
    with pytest.raises(DecodeError):
        from_unix(10**15)
    with pytest.raises(DecodeError):
        shifted(AT, -timedelta(days=365 * 3000))
