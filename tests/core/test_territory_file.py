"""The territory file: what it may say, and every problem named with its line."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.core import territory_file
from services.core.territory_fields import PRIVACY, THEMES
from services.core.territory_row import TerritoryError, TerritoryRow

HEADER = "dev_eui,model,organisation,commune,site,longitude,latitude,point,theme,privacy,published,installed_at"
LINE = (
    "24E124-710D-F39E23,milesight/am300,Forez > Saint-Just,42279 Saint-Just,École,4.2383,45.4997,Classe de CP,air,"
    "none,true,2026-03-01T09:00:00+01:00"
)


def problems(content: str) -> list[tuple[int, str]]:
    with pytest.raises(TerritoryError) as raised:
        territory_file.parse(content)
    assert len(str(raised.value).splitlines()) == len(raised.value.problems)
    return [(problem.line, problem.message) for problem in raised.value.problems]


def changed(**fields: str) -> str:
    """A file of one line in which some fields are other than in LINE."""
    values = dict(zip(HEADER.split(","), LINE.split(","), strict=True)) | fields
    return ",".join(values) + "\n" + ",".join(f'"{value}"' for value in values.values()) + "\n"


def test_a_line_says_where_a_device_is() -> None:
    (row,) = territory_file.parse(f"{HEADER}\n{LINE}\n")
    assert row == TerritoryRow(
        dev_eui="24e124710df39e23",
        model="milesight/am300",
        organisation=("Forez", "Saint-Just"),
        commune="42279",
        commune_name="Saint-Just",
        site="École",
        address="",
        longitude=4.2383,
        latitude=45.4997,
        point="Classe de CP",
        theme="air",
        purpose="",
        privacy="none",
        published=True,
        installed_at=datetime(2026, 3, 1, 8, tzinfo=UTC),
        channel="",
        expected_interval=None,
        mounting_height=None,
    )
    assert row.line == 2


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"dev_eui": "24e124710df39e2"}, "dev_eui: '24e124710df39e2' is not 16 hexadecimal digits"),
        ({"dev_eui": ""}, "dev_eui: '' is not 16 hexadecimal digits"),
        ({"model": "AM300"}, "model: 'AM300' is not vendor/model in small letters, such as milesight/am300"),
        ({"organisation": "A >> B"}, "organisation: 'A >> B' has an empty name between its '>'"),
        ({"organisation": " "}, "organisation: must not be empty"),
        ({"site": ""}, "site: must not be empty"),
        ({"point": "two\nlines"}, "point: 'two\\nlines' has a control character or more than one line"),
        ({"commune": "Bonson"}, "commune: 'Bonson' does not begin with an INSEE code, such as 42279"),
        ({"commune": "4227"}, "commune: '4227' does not begin with an INSEE code, such as 42279"),
        ({"longitude": "4,2383"}, "longitude: '4,2383' has a decimal comma: write 4.2383"),
        ({"longitude": "180.1"}, "longitude: 180.1 does not lie between -180 and 180"),
        ({"latitude": "-91"}, "latitude: -91 does not lie between -90 and 90"),
        ({"latitude": ""}, "latitude: '' is not a number"),
        ({"latitude": "nan"}, "latitude: 'nan' is not a number"),
        ({"latitude": "١"}, "latitude: '١' is not a number"),
        ({"theme": "Air"}, "theme: 'Air' is none of: air, waste, water"),
        ({"privacy": ""}, "privacy: '' is none of: none, aggregate, personal"),
        ({"published": "oui"}, "published: 'oui' is none of: true, false"),
        ({"privacy": "personal"}, "published: a personal point is never published"),
        ({"installed_at": "2026-03-01"}, "installed_at: '2026-03-01' is not a time with its offset"),
        ({"installed_at": "2026-03-01T09:00:00"}, "is not a time with its offset"),
        ({"installed_at": "2026-02-30T09:00:00Z"}, "installed_at: '2026-02-30T09:00:00Z': day is out of range"),
        ({"expected_interval": "0"}, "expected_interval: 0 does not lie between 1 and 3.16224e+07"),
        ({"expected_interval": "10min"}, "expected_interval: '10min' is not a number"),
        ({"pulse_weight": "0"}, "pulse_weight: 0 does not lie between 1e-09 and 1e+09"),
        ({"pulse_weight": "0,01"}, "pulse_weight: '0,01' has a decimal comma: write 0.01"),
        ({"counted_quantity": "co2"}, "counted_quantity: 'co2' is none of: "),
        ({"start_index": "7", "theme": "energy"}, "counted_quantity: say what the start_index is of: "),
        ({"mounting_height": "-5"}, "mounting_height: -5 does not lie between 1 and 100000"),
    ],
)
def test_a_wrong_field_is_named_with_what_is_allowed(fields: dict[str, str], message: str) -> None:
    ((line, told),) = problems(changed(**fields))
    assert line == 2
    assert message in told


@pytest.mark.parametrize(
    ("field", "text", "value"),
    [
        ("dev_eui", "24-E1-24-71-0D-F3-9E-23", "24e124710df39e23"),
        ("organisation", "A>B > C", ("A", "B", "C")),
        ("commune", "2A004", "2A004"),
        ("commune", "", None),
        ("address", "3, rue du Port : l'écluse", "3, rue du Port : l'écluse"),
        ("expected_interval", "900", timedelta(minutes=15)),
        ("mounting_height", "1850.5", 1850.5),
    ],
)
def test_what_a_field_may_be(field: str, text: str, value: object) -> None:
    (row,) = territory_file.parse(changed(**{field: text}))
    assert getattr(row, field, None) == value


def test_all_problems_of_a_file_are_told_at_once_each_with_its_line() -> None:
    content = (
        f"{HEADER},address\n"
        f'{LINE},"a quoted\n'
        'address of two lines"\n'
        "\n"
        f"{LINE.replace('24E124-710D-F39E23', 'x').replace('4.2383', '4,2383')},\n"
        f"{LINE},,\n"
    )
    assert [line for line, _ in problems(content)] == [2, 5, 6]
    # The decimal comma splits a field in two, which the number of fields shows.
    assert problems(content)[1][1] == "has 14 fields, the header has 13"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the file is empty; its first line names the columns: dev_eui,model,"),
        (HEADER.replace(",", ";"), "columns are separated by ';'"),
        (f"{HEADER},colour\n", "there is no column 'colour'; columns are: dev_eui, model,"),
        (f"{HEADER},site\n", "the column 'site' stands here twice"),
        (HEADER.replace("theme,", "") + "\n", "the column 'theme' is missing"),
        (f'{HEADER}\n"{LINE}', "the file ends within quotes"),
    ],
)
def test_a_wrong_file_is_told_in_one_line(content: str, message: str) -> None:
    ((_, told),) = problems(content)
    assert message in told


def test_a_file_in_another_encoding_is_told_where(tmp_path: Path) -> None:
    path = tmp_path / "territory.csv"
    path.write_bytes(f"{HEADER}\n{LINE}\n".encode("cp1252"))
    with pytest.raises(TerritoryError, match="line 2: is not UTF-8"):
        territory_file.read(path)
    path.write_bytes(f"{HEADER}\r\n{LINE}\r\n".encode("utf-8-sig"))
    assert len(territory_file.read(path)) == 1


def test_lines_that_contradict_each_other() -> None:
    def line(dev_eui: str, *changes: tuple[str, str]) -> str:
        text = LINE.replace("24E124-710D-F39E23", dev_eui)
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        return text

    other_class = ("Classe de CP", "Classe de CE1")
    content = "\n".join(
        [
            HEADER,
            line("000000000000000a"),
            line("000000000000000a"),
            line("000000000000000b"),
            line("000000000000000c", other_class, ("4.2383", "4.2384")),
            line("000000000000000d", other_class, ("42279 Saint-Just", "42279 Bonson")),
            line("000000000000000e", ("Classe de CP,air", "Classe de CP,water")),
        ]
    )
    position = "give each its own channel"
    found = problems(content)
    assert [number for number, _ in found] == [3, 4, 5, 6, 6, 7, 7]
    messages = "\n".join(message for _, message in found)
    assert "device 000000000000000a stands in line 2 already" in messages
    assert messages.count(position) == 3
    assert "longitude of site 'École' is 4.2384 here and 4.2383 in line 2" in messages
    assert "commune 42279 is named 'Saint-Just' in line 2" in messages
    assert "theme of point 'Classe de CP' is 'water' here and 'air' in line 2" in messages


LINE_TEXT = st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=12).map(str.strip)
NAMES = LINE_TEXT.filter(lambda name: bool(name) and ">" not in name)
ROWS = st.builds(
    TerritoryRow,
    dev_eui=st.from_regex(r"[0-9a-f]{16}", fullmatch=True),
    model=st.just("vendor/model"),
    organisation=st.lists(NAMES, min_size=1, max_size=3).map(tuple),
    commune=st.sampled_from(["42279", "2A004"]),
    commune_name=st.just(""),
    site=NAMES,
    address=LINE_TEXT,
    longitude=st.floats(-180, 180),
    latitude=st.floats(-90, 90),
    point=NAMES,
    theme=st.sampled_from(THEMES),
    purpose=LINE_TEXT,
    privacy=st.sampled_from(PRIVACY[:2]),
    published=st.booleans(),
    installed_at=st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 (bounds of a strategy are naive)
    channel=LINE_TEXT,
    expected_interval=st.none() | st.timedeltas(timedelta(seconds=1), timedelta(days=366)),
    mounting_height=st.none() | st.floats(1, 100_000),
    counted_quantity=st.sampled_from(["water_volume_total", "gas_volume_total", "energy_active_total"]),
    pulse_weight=st.none() | st.floats(1e-9, 1e9),
    pulse_channel=st.none() | LINE_TEXT.filter(bool),
    start_index=st.none() | st.floats(-1e12, 1e12),
    start_pulses=st.none() | st.floats(0, 1e12),
    removal_index=st.none() | st.floats(-1e12, 1e12),
)


@given(ROWS)
def test_what_is_written_is_read_back(row: TerritoryRow) -> None:
    assert territory_file.parse(territory_file.render([row])) == (row,)


def outcome(content: str) -> int:
    """How many rows, or problems, a text gives: one of the two, whatever it is."""
    try:
        return len(territory_file.parse(content))
    except TerritoryError as error:
        return len(error.problems)


@given(st.text())
def test_any_text_gives_rows_or_problems(content: str) -> None:
    assert outcome(content) >= 1


@given(st.lists(st.sampled_from([*LINE.split(","), HEADER, LINE, "\n", ",", '"', "\r", "\0", ";"]), max_size=40))
def test_any_mixture_of_a_files_parts_gives_rows_or_problems(parts: list[str]) -> None:
    assert outcome(f"{HEADER}\n" + "".join(parts)) >= 0


def test_the_documentation_names_every_column() -> None:
    document = (Path(__file__).parents[2] / "docs" / "territory-file.md").read_text(encoding="utf-8")
    described = {
        name: "(optional)" in line
        for line in document.splitlines()
        if line.startswith("| `")
        for name in re.findall(r"`([a-z_]+)`", line.split("|")[1])
    }
    assert described == {name: name in territory_file.OPTIONAL for name in territory_file.COLUMNS}
