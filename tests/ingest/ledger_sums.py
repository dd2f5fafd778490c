"""What the ledger shows of any days, added up here from its days one by one: sums of months must say the same."""

import random
from collections import Counter
from datetime import timedelta

from services.core.storage.ledger import By, Question
from services.core.storage.ledger_months import Closed
from services.core.storage.queries import load

FIGURES = (
    "expected",
    "available",
    "received",
    "lost",
    "sessions",
    "duplicates",
    "repeats",
    "late",
    "quarantined",
    "replayed",
    "refused",
    "unknown",
)
MONTHS = ("ledger_month", "ledger_summary_month", "ledger_organisation_month")


def asked(connection, question: Question) -> dict:
    """Lines by day and device, without names."""
    row = connection.execute(load("ledger_read")["closed"]).fetchone()
    parameters = question.parameters(None if row is None else Closed(*row))
    lines = connection.execute(question.statement, parameters).fetchall()
    assert len({line[:2] for line in lines}) == len(lines)
    return {line[:2]: line[3:] for line in lines}


def added(days: list, question: Question) -> dict:
    """The same of rows of ledger_day."""
    found: dict = {}
    for row in days:
        if not question.first <= row.day <= question.last or question.device not in {None, row.dev_eui}:
            continue
        if question.organisations is not None and row.organisation_id not in question.organisations:
            continue
        if question.theme not in {None, row.theme} or question.commune not in {None, row.commune_code}:
            continue
        key = (
            row.day if question.by is By.DAY else None,
            row.dev_eui if question.by is By.DEVICE or question.device else None,
        )
        line = found.setdefault(key, Counter())
        line["days"] += 1
        line["silent"] += row.expected > 0 and row.available == 0
        for figure in FIGURES:
            line[figure] += getattr(row, figure)
    return {key: (line["days"], line["silent"], *(line[figure] for figure in FIGURES)) for key, line in found.items()}


def assert_added_up(territory, dice: random.Random, questions: int = 40) -> None:
    days = territory.rows("SELECT * FROM ledger_day")
    first = min(row.day for row in days)
    span = (max(row.day for row in days) - first).days + 40
    for number in range(questions):
        begin = first + timedelta(days=dice.randrange(-40, span)) if number else first - timedelta(days=40)
        end = (
            begin + timedelta(days=dice.choice([0, 1, 20, 29, 30, 31, 33, 62, 100]))
            if number
            else begin + 4 * span * (timedelta(days=1))
        )
        row = dice.choice(days)
        question = Question(
            begin,
            end,
            dice.choice(list(By)),
            device=dice.choice([None, None, row.dev_eui]),
            organisations=dice.choice([None, None, [row.organisation_id or -1]]),
            theme=dice.choice([None, None, row.theme]),
            commune=dice.choice([None, None, row.commune_code]),
            limit=10_000,
            worst_first=dice.random() < 0.5,
        )
        assert asked(territory.connection, question) == added(days, question), question
