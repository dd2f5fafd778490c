"""`terroir ledger`: the worst first, the platform line under it, an exit status that says whether anything was lost."""

import csv
import io
import json

import psycopg
import pytest
from click.testing import CliRunner, Result

from services.cli import main

DAYS = ("--from", "2026-11-01", "--to", "2026-11-02")
PLATFORM = "INSERT INTO ledger_platform VALUES (%s, '2026-11-01', gen_random_uuid(), 'one', 'mqtt', %s, %s)"


@pytest.fixture
def kept(embedded_database: str) -> str:
    """Three devices with 144 reports expected a day, of which all, half and none came; the half lost 8 on air."""
    with psycopg.connect(embedded_database, autocommit=True) as connection:
        connection.execute("INSERT INTO organisation (name, created_at) VALUES ('Bonson', now())")
        for number, received, lost in ((1, 144, 0), (2, 72, 8), (3, 0, 0)):
            connection.execute(
                "INSERT INTO ledger_day SELECT day::date, id, 144, %(n)s, %(n)s, %(lost)s, 0, 0, 0, 0, 0, 0, 0, 0,"
                " %(device)s, 'water', NULL FROM organisation,"
                " generate_series('2026-11-01'::date, '2026-11-02', '1 day') day",
                {"n": received, "lost": lost, "device": f"{number:016x}"},
            )
        connection.execute(PLATFORM, (432, "stored", "up"))
        connection.execute(PLATFORM, (3, "quarantined", "malformed"))
    return embedded_database


def terroir(url: str, *arguments: str, status: int = 0) -> Result:
    result = CliRunner().invoke(main, ["ledger", *arguments], env={"TERROIR_DATABASE_URL": url})
    assert result.exit_code == status, result.output
    return result


def test_the_worst_come_first_and_figures_agree(kept: str) -> None:
    lines = terroir(kept, *DAYS).output.splitlines()
    assert [line.split()[0] for line in lines[3:6]] == [f"{n:016x}" for n in (3, 2, 1)]
    assert "50.0 %" in lines[4]
    assert "16 (10.0 %)" in lines[4]
    assert "100 %" in lines[5]
    assert "435 messages accepted = 432 stored + 3 quarantined" in lines[7]
    assert lines[7].endswith("lost inside the platform: 0")


def test_for_programs(kept: str) -> None:
    body = json.loads(terroir(kept, *DAYS, "--json", "--device", "0000000000000002", "--by", "day").output)
    assert [(line["day"], line["sent"]) for line in body["lines"]] == [("2026-11-01", 80), ("2026-11-02", 80)]
    rows = list(csv.DictReader(io.StringIO(terroir(kept, *DAYS, "--csv").output)))
    shares = [(row["dev_eui"][-1], row["availability_percent"]) for row in rows]
    assert shares == [("3", "0.0"), ("2", "50.0"), ("1", "100.0")]


def test_a_loss_inside_is_a_no(kept: str) -> None:
    with psycopg.connect(kept, autocommit=True) as connection:
        connection.execute(PLATFORM, (5, "acknowledged", ""))
    assert "lost inside the platform: 5" in terroir(kept, *DAYS, status=1).output


@pytest.mark.parametrize(
    "arguments",
    [
        ("--organisation", "nobody"),
        ("--from", "2026-11-03", "--to", "2026-11-02"),
        ("--csv", "--json"),
        ("--by", "year"),
    ],
)
def test_mistakes(kept: str, arguments: tuple[str, ...]) -> None:
    assert "Traceback" not in terroir(kept, *arguments, status=2).output
