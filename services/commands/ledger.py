"""`terroir ledger`: what came of what was expected and sent."""

import csv
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from services.commands.failure import Failure
from services.commands.store import opened, read_settings
from services.commands.tables import show_table

if TYPE_CHECKING:
    from psycopg import Connection

    from services.core.storage.ledger import Line, Platform, Question

DAYS = 7
THEMES = ("air", "waste", "water", "parking", "energy", "trees", "recycling", "weather", "mobility", "network")


@click.command(epilog="Example: terroir ledger --from 2026-11-01 --theme water --by day")
@click.option("--from", "first", type=click.DateTime(["%Y-%m-%d"]), help="First day; a week ago if not given.")
@click.option("--to", "last", type=click.DateTime(["%Y-%m-%d"]), help="Last day, included; today if not given.")
@click.option("--device", metavar="DEVEUI", help="This device only.")
@click.option("--organisation", metavar="NAME", help="This organisation (name or number) and those below it.")
@click.option("--commune", metavar="INSEE", help="Points in this commune only.")
@click.option("--theme", type=click.Choice(THEMES), help="Points of this theme only.")
@click.option(
    "--by", type=click.Choice(["device", "day", "total"]), default="device", show_default=True, help="A line for each."
)
@click.option("--limit", type=click.IntRange(1, 1_000_000), default=50, show_default=True, help="Lines, at most.")
@click.option("--csv", "as_csv", is_flag=True, help="Comma-separated values, for programs.")
@click.option("--json", "as_json", is_flag=True, help="JSON, for programs.")
def ledger(
    first: datetime | None,
    last: datetime | None,
    device: str | None,
    organisation: str | None,
    commune: str | None,
    theme: str | None,
    by: str,
    limit: int,
    as_csv: bool,
    as_json: bool,
) -> None:
    """What was received of what was expected and sent, by device (the worst first), by day, or in all.

    Days are those of Europe/Paris; today counts up to the last hour. docs/ledger.md says how each figure comes about.
    Exit status 1 when anything was lost inside the platform.
    """
    from services.core.civil import day_of
    from services.core.clock import system_clock
    from services.core.storage.ledger import By, Question

    if as_csv and as_json:
        raise click.UsageError("--csv and --json exclude each other")
    end = last.date() if last else day_of(system_clock())
    begin = first.date() if first else end - timedelta(days=DAYS)
    if begin > end:
        raise click.UsageError(f"--from {begin} lies after --to {end}")
    with opened(read_settings()) as connection:
        organisations = None if organisation is None else _organisations(connection, organisation)
        device = None if device is None else device.lower()
        question = Question(begin, end, By(by), device, organisations, commune, theme, limit=limit, worst_first=True)
        lines = _lines(connection, question)
        platform = _platform(connection, question)
    if as_csv:
        _csv(lines)
    elif as_json:
        _json(question, lines, platform)
    else:
        _table(question, lines, platform)
    if platform.lost:
        raise SystemExit(1)


def _organisations(connection: "Connection[Any]", organisation: str) -> list[int]:
    from services.core.storage.queries import load

    rows = connection.execute(load("ledger_read")["organisations"], {"organisation": organisation}).fetchall()
    if not rows:
        raise Failure(f"there is no organisation {organisation!r}; terroir devices export names those there are")
    return [int(number) for (number,) in rows]


def _lines(connection: "Connection[Any]", question: "Question") -> "list[Line]":
    from psycopg.rows import class_row

    from services.core.storage.ledger import Line
    from services.core.storage.ledger_months import Closed
    from services.core.storage.queries import load

    row = connection.execute(load("ledger_read")["closed"]).fetchone()
    parameters = question.parameters(None if row is None else Closed(*row))
    with connection.cursor(row_factory=class_row(Line)) as cursor:
        return cursor.execute(question.statement, parameters, prepare=False).fetchall()


def _platform(connection: "Connection[Any]", question: "Question") -> "Platform":
    from services.core.storage.ledger import Platform, PlatformCount
    from services.core.storage.queries import load

    sql, days = load("ledger_read"), {"first": question.first, "last": question.last}
    counts = [PlatformCount(*row) for row in connection.execute(sql["platform"], days)]
    lost = connection.execute(sql["lost_inside"], days).fetchone()
    return Platform(counts, int(lost[0]) if lost else 0)


def _table(question: "Question", lines: "Sequence[Line]", platform: "Platform") -> None:
    click.echo(f"{question.first} to {question.last}, days in Europe/Paris\n")
    head = ("received", "expected", "availability", "sent", "lost on air", "duplicates", "repeats", "late")
    head += ("quarantined", "undecodable", "undeclared")
    if lines:
        title = {"device": ("device", "name"), "day": ("day",), "total": ("",)}[question.by.value]
        show_table((*title, *head), [(*_title(line, question.by.value), *_figures(line)) for line in lines])
        if len(lines) == question.limit:
            click.echo(f"the first {question.limit}; --limit shows more")
    else:
        click.echo("nothing is in the ledger for this; it follows what is stored while terroir worker runs")
    click.echo()
    stored, quarantined = platform.of("stored"), platform.of("quarantined")
    click.echo(
        f"platform: {_n(platform.accepted)} messages accepted = {_n(stored)} stored + {_n(quarantined)} quarantined;"
        f" {_n(platform.of('duplicate'))} deliveries again; lost inside the platform: {_n(platform.lost)}"
    )
    for outcome in ("stored", "quarantined"):
        if found := platform.detail(outcome):
            click.echo(f"  {outcome}: " + ", ".join(f"{name} {_n(count)}" for name, count in found.items()))
    if platform.replayed:
        click.echo(f"  of those in quarantine {_n(platform.replayed)} have been replayed and stored since")
    risks = [(name, platform.of(name)) for name in ("qos_0", "qos_0_dropped", "sessions_lost")]
    if any(count for _, count in risks):
        shown = ", ".join(f"{name} {_n(count)}" for name, count in risks if count)
        click.echo(f"  at risk before they reached us: {shown} (docs/operations.md, Messages at quality 0)")


def _title(line: "Line", by: str) -> tuple[str, ...]:
    return {"device": (line.dev_eui or "", line.name or ""), "day": (str(line.day),), "total": ("all",)}[by]


def _figures(line: "Line") -> tuple[str, ...]:
    counts = (line.duplicates, line.repeats, line.late, line.quarantined, line.refused, line.unknown)
    lost = f"{_n(line.lost)} ({_percent(line.lost_share)})" if line.lost else "0"
    return (
        _n(line.received),
        _n(line.expected),
        _percent(line.availability),
        _n(line.sent),
        lost,
        *map(_n, counts),
    )


def _n(count: int) -> str:
    return f"{count:,}".replace(",", " ")


def _percent(share: float | None) -> str:
    """Never rounded up to 100 or down to 0."""
    if share is None:
        return "-"
    return f"{min(share, 99.9):.1f} %" if 0 < share < 100 and share >= 0.05 else f"{share:.3g} %"


def _row(line: "Line") -> dict[str, object]:
    whole: dict[str, object] = asdict(line)
    whole["day"] = None if line.day is None else line.day.isoformat()
    whole["undecodable"], whole["undeclared"] = whole.pop("refused"), whole.pop("unknown")
    extra: dict[str, object] = {
        "sent": line.sent,
        "availability_percent": None if line.availability is None else round(line.availability, 3),
        "lost_percent": None if line.lost_share is None else round(line.lost_share, 3),
    }
    return whole | extra


def _csv(lines: "Sequence[Line]") -> None:
    rows = [_row(line) for line in lines]
    if rows:
        writer = csv.DictWriter(sys.stdout, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _json(question: "Question", lines: "Sequence[Line]", platform: "Platform") -> None:
    body = {
        "from": date.isoformat(question.first),
        "to": date.isoformat(question.last),
        "by": question.by.value,
        "lines": [_row(line) for line in lines],
        "platform": {
            "accepted": platform.accepted,
            "stored": platform.detail("stored"),
            "quarantined": platform.detail("quarantined"),
            "replayed": platform.replayed,
            "duplicate": platform.of("duplicate"),
            "acknowledged": platform.of("acknowledged"),
            "lost": platform.lost,
            "at_risk": {name: platform.of(name) for name in ("qos_0", "qos_0_dropped", "sessions_lost")},
        },
    }
    click.echo(json.dumps(body, ensure_ascii=False, indent=2))
