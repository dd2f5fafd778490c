"""The territory as a CSV file: organisations, sites, measuring points and the devices that serve them.

UTF-8, commas, decimal points, one header line, one line per device; docs/territory-file.md describes the columns.
"""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from services.core import territory_fields as fields
from services.core.territory_row import Problem, TerritoryError, TerritoryRow, contradictions

COLUMNS: Mapping[str, Callable[[str], Any]] = {
    "dev_eui": fields.dev_eui,
    "model": fields.model,
    "organisation": fields.organisation,
    "commune": fields.commune,
    "site": fields.required,
    "address": fields.text,
    "longitude": lambda value: fields.number(value, -180, 180),
    "latitude": lambda value: fields.number(value, -90, 90),
    "point": fields.required,
    "theme": lambda value: fields.choice(value, fields.THEMES),
    "purpose": fields.text,
    "privacy": lambda value: fields.choice(value, fields.PRIVACY),
    "published": fields.boolean,
    "installed_at": fields.moment,
    "channel": fields.text,
    "expected_interval": fields.interval,
    "mounting_height": fields.height,
    "counted_quantity": fields.counted,
    "pulse_weight": lambda value: fields.optional_number(value, 1e-9, 1e9),
    "pulse_channel": fields.optional_text,
    "start_index": lambda value: fields.optional_number(value, -1e12, 1e12),
    "start_pulses": lambda value: fields.optional_number(value, 0, 1e12),
    "removal_index": lambda value: fields.optional_number(value, -1e12, 1e12),
}
"""Every column in the order they are written, with what reads its fields."""

_PARAMETERS = tuple(COLUMNS)[-7:]
OPTIONAL = frozenset({"channel", "address", "purpose", "commune", "expected_interval", *_PARAMETERS})
"""Columns that may be missing, or empty."""


def read(path: Path) -> tuple[TerritoryRow, ...]:
    """The rows of a file. Raises TerritoryError with all its problems, OSError."""
    content = path.read_bytes()
    try:
        return parse(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise TerritoryError([Problem(line, "is not UTF-8: save the file as CSV UTF-8")]) from None


def parse(content: str) -> tuple[TerritoryRow, ...]:
    """The rows of a file's text, in its order. Raises TerritoryError with all its problems."""
    problems: list[Problem] = []
    rows: list[TerritoryRow] = []
    try:
        lines = _lines(content)
        nothing: tuple[int, list[str]] = (1, [])
        header_line, header = next(lines, nothing)
        problems += (Problem(header_line, message) for message in _check_header(header))
        if not problems:
            for line, values in lines:
                row = _row(line, header, values, problems)
                if row is not None:
                    rows.append(row)
    except csv.Error as error:
        problems.append(Problem(content.count("\n") + 1, f"the file ends within quotes, or is not CSV: {error}"))
    problems += contradictions(rows)
    if problems:
        raise TerritoryError(problems)
    return tuple(rows)


def render(rows: Iterable[TerritoryRow]) -> str:
    """The text of a file with these rows: what ``parse`` reads back."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        interval = row.expected_interval
        writer.writerow(
            [
                row.dev_eui,
                row.model,
                fields.PATH_SEPARATOR.join(row.organisation),
                f"{row.commune or ''} {row.commune_name}".strip(),
                row.site,
                row.address,
                repr(row.longitude),
                repr(row.latitude),
                row.point,
                row.theme,
                row.purpose,
                row.privacy,
                "true" if row.published else "false",
                row.installed_at.isoformat().replace("+00:00", "Z"),
                row.channel,
                "" if interval is None else f"{interval.total_seconds():.6f}".rstrip("0").rstrip("."),
                *(_parameter(getattr(row, name)) for name in _PARAMETERS),
            ]
        )
    return text.getvalue()


def _parameter(value: float | str | None) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else repr(value).removesuffix(".0")


def _lines(content: str) -> Iterator[tuple[int, list[str]]]:
    """Records that are not blank, with the number of the line each begins in."""
    reader = csv.reader(io.StringIO(content, newline=""), strict=True)
    begin = 1
    for record in reader:
        if any(field.strip() for field in record):
            yield begin, [field.strip() for field in record]
        begin = reader.line_num + 1


def _check_header(header: list[str]) -> Iterator[str]:
    if not header:
        yield f"the file is empty; its first line names the columns: {','.join(COLUMNS)}"
    elif len(header) == 1 and ";" in header[0]:
        yield "columns are separated by ';': save the file with commas (and decimal points)"
    else:
        for name in sorted({name for name in header if header.count(name) > 1}):
            yield f"the column {name!r} stands here twice"
        for name in header:
            if name not in COLUMNS:
                yield f"there is no column {name!r}; columns are: {', '.join(COLUMNS)}"
        for name in COLUMNS:
            if name not in header and name not in OPTIONAL:
                yield f"the column {name!r} is missing"


def _row(line: int, header: list[str], values: list[str], problems: list[Problem]) -> TerritoryRow | None:
    if len(values) != len(header):
        problems.append(Problem(line, f"has {len(values)} fields, the header has {len(header)}"))
        return None
    given = dict(zip(header, values, strict=True))
    read: dict[str, Any] = {}
    before = len(problems)
    for name, reader in COLUMNS.items():
        try:
            read[name] = reader(given.get(name, ""))
        except ValueError as error:
            problems.append(Problem(line, f"{name}: {error}"))
    if read.get("published") and read.get("privacy") == "personal":
        problems.append(Problem(line, "published: a personal point is never published"))
    counts = [name for name in ("pulse_weight", "start_index", "removal_index") if read.get(name) is not None]
    if counts and read.get("counted_quantity") is None and read.get("theme") not in (None, "water"):
        problems.append(Problem(line, f"counted_quantity: say what the {counts[0]} is of: {', '.join(fields.COUNTED)}"))
    if len(problems) > before:
        return None
    code, name = read.pop("commune")
    return TerritoryRow(**read, commune=code, commune_name=name, line=line)
