"""What a log line is, and what must never stand in it."""

import json
import logging
import re
from datetime import UTC, datetime, timedelta

import pytest
import structlog
from pydantic import SecretStr

from services.core.logs import configure
from services.core.settings import Settings


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    captured = capsys.readouterr()
    assert captured.out == "", "what a command prints must not be mixed with its log"
    return [json.loads(line) for line in captured.err.splitlines()]


def test_a_json_line_says_what_when_and_how_grave(capsys: pytest.CaptureFixture[str]) -> None:
    configure(Settings(log_format="json"))
    structlog.get_logger("services.part").warning("store_unavailable", host="é", seconds=1.5, tries=None, ok=False)
    (line,) = lines(capsys)
    at = str(line.pop("timestamp"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", at), "RFC 3339 in UTC"
    assert abs(datetime.fromisoformat(at) - datetime.now(UTC)) < timedelta(minutes=1)
    assert line == {
        "event": "store_unavailable",
        "level": "warning",
        "logger": "services.part",
        "host": "é",
        "seconds": 1.5,
        "tries": None,
        "ok": False,
    }


def test_libraries_log_the_same_way(capsys: pytest.CaptureFixture[str]) -> None:
    configure(Settings(log_format="json"))
    logging.getLogger("psycopg.pool").error("cannot connect to %s", "postgresql://me:hunter2@db/x")
    (line,) = lines(capsys)
    assert (line["event"], line["logger"]) == ("cannot connect to postgresql://me:***@db/x", "psycopg.pool")


def test_the_level_is_the_least_that_shows(capsys: pytest.CaptureFixture[str]) -> None:
    configure(Settings(log_format="json", log_level="warning"))
    for level in ("debug", "info", "warning", "error"):
        getattr(structlog.get_logger(), level)("of_ours")
        getattr(logging.getLogger("library"), level)("theirs")
    assert [line["level"] for line in lines(capsys)] == ["warning", "warning", "error", "error"]


def test_configuring_again_does_not_double_lines(capsys: pytest.CaptureFixture[str]) -> None:
    configure(Settings())
    configure(Settings(log_format="json"))
    structlog.get_logger().info("once")
    assert len(lines(capsys)) == 1


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_secrets_do_not_appear(capsys: pytest.CaptureFixture[str], log_format: str) -> None:
    configure(Settings.model_validate({"log_format": log_format, "log_level": "debug"}))
    log = structlog.get_logger()
    log.info("a", url="postgresql://terroir:hunter2@db:5432/x", dsn="host=db password=hunter2 user=x")
    log.info("b", mqtt="mqtts://u:hunter2@hunter2@broker", quoted="password='hunter2 hunter2'", other=["//", "u:p"])
    log.info("c", password="hunter2", app_key="hunter2", AppSKey="hunter2", client_secret={"x": "hunter2"})
    log.info("d", headers={"Authorization": "hunter2", "X": "Bearer hunter2"}, cookie="hunter2")
    log.info("e trr_ab12cd34_hunter2", settings=Settings(database_url=SecretStr("postgresql://u:hunter2@h/d")))
    try:
        hidden_in_a_local_variable = "hunter2"
        raise ValueError("no connection to mqtt://u:hunter2@broker", len(hidden_in_a_local_variable))
    except ValueError as error:
        log.exception("f")
        log.error("g", error=error)
        logging.getLogger("library").exception("h")
    shown = capsys.readouterr().err
    assert "hunter2" not in shown
    assert shown.count("Traceback (most recent call last)") == 2
    for kept in ("postgresql://terroir:***@db:5432/x", "trr_ab12cd34_***", "mqtt://u:***@broker", "user=x"):
        assert kept in shown


def test_the_console_shows_the_event_and_its_circumstances(capsys: pytest.CaptureFixture[str]) -> None:
    configure(Settings())
    structlog.get_logger().info("worker_started", jobs=["rollups", "pruning"])
    (line,) = capsys.readouterr().err.splitlines()
    assert "info" in line
    assert "worker_started" in line
    assert "jobs=['rollups', 'pruning']" in line
