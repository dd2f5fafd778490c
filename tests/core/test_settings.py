"""Settings: where they come from, what is refused and how, and that their documentation is what they are."""

import os
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from services.core import settings_table
from services.core.settings import SettingError, Settings, load

DOCUMENT = Path(__file__).parents[2] / "docs" / "configuration.md"


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("TERROIR_") and name != "TERROIR_CACHE":
            monkeypatch.delenv(name)


def test_without_any_setting_there_are_defaults() -> None:
    settings = load()
    assert settings.database_url.get_secret_value() == "postgresql:///terroir"
    assert settings.seen_retention == timedelta(days=60)
    assert settings.worker_metrics_port is None


def test_the_environment_gives_durations_as_seconds_or_iso_8601(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERROIR_BATCH_WAIT", "PT0.2S")
    monkeypatch.setenv("TERROIR_WORKER_INTERVAL", "2.5")
    monkeypatch.setenv("TERROIR_SEEN_RETENTION", "P90D")
    monkeypatch.setenv("TERROIR_WORKER_METRICS_PORT", "9101")
    settings = load()
    assert settings.batch_wait == timedelta(milliseconds=200)
    assert settings.worker_interval == timedelta(seconds=2.5)
    assert settings.seen_retention == timedelta(days=90)
    assert settings.worker_metrics_port == 9101


def test_a_file_is_read_and_the_environment_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "terroir.toml"
    file.write_text('database_url = "postgresql://file@h/d"\nlog_level = "error"\nbatch_wait = 0.2\n')
    monkeypatch.setenv("TERROIR_CONFIG", str(file))
    monkeypatch.setenv("TERROIR_LOG_LEVEL", "debug")
    settings = load()
    assert settings.database_url == SecretStr("postgresql://file@h/d")
    assert settings.log_level == "debug"
    assert settings.batch_wait == timedelta(milliseconds=200)


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("TERROIR_DATABASE_URL", "mysql://u:hunter2@h/d", "must look like postgresql://user:password@host:5432/data"),
        ("TERROIR_DATABASE_URL", "postgresql://h/d?nosuch=1", "must look like postgresql://"),
        ("TERROIR_DATABASE_URL", "postgresql://u:hunter2%zz@h/d", "must look like postgresql://"),
        ("TERROIR_MQTT_URL", "127.0.0.1:1883", "must look like mqtt://[user:password@]host[:1883] or mqtts://"),
        ("TERROIR_LOG_FORMAT", "xml", "Input should be 'console' or 'json'"),
        ("TERROIR_BATCH_MESSAGES", "0", "Input should be greater than or equal to 1"),
        ("TERROIR_BATCH_MESSAGES", "many", "Input should be a valid integer"),
        ("TERROIR_PORT", "65536", "Input should be less than or equal to 65535"),
        ("TERROIR_BATCH_WAIT", "PT0S", "Input should be greater than 0"),
        ("TERROIR_LATE_LIMIT", "a month", "Input should be a valid timedelta"),
        ("TERROIR_SEEN_RETENTION", "P7D", "must be longer than TERROIR_MQTT_SESSION_EXPIRY and TERROIR_LATE_LIMIT"),
        ("TERROIR_MQTT_CLIENT_ID", "", "String should have at least 1 character"),
        ("TERROIR_DATABSE_URL", "postgresql://h/d", "no such setting"),
    ],
)
def test_a_wrong_setting_is_one_line_with_its_name_and_what_is_allowed(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, allowed: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingError) as raised:
        load()
    told = str(raised.value)
    assert told.startswith(f"{name}: {allowed}")
    assert "\n" not in told
    assert "hunter2" not in told


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("log_level = 'loud'", "TERROIR_LOG_LEVEL: Input should be 'debug', 'info', 'warning' or 'error'"),
        ("colour = 1", "TERROIR_COLOUR: no such setting; terroir status lists them all"),
        ("log_level 'info'", "terroir.toml: not a TOML file: "),
    ],
)
def test_a_wrong_file_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str, told: str
) -> None:
    file = tmp_path / "terroir.toml"
    file.write_text(content)
    monkeypatch.setenv("TERROIR_CONFIG", str(file))
    with pytest.raises(SettingError) as raised:
        load()
    assert told in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERROIR_CONFIG", "/nowhere/terroir.toml")
    with pytest.raises(SettingError, match=r"TERROIR_CONFIG: there is no file /nowhere/terroir\.toml"):
        load()


def test_secrets_are_not_shown() -> None:
    settings = Settings(database_url=SecretStr("postgresql://u:hunter2@h/d"), mqtt_password=SecretStr("hunter2"))
    assert "hunter2" not in f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"


def test_the_documentation_lists_every_setting_as_it_is() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert settings_table.replace(text) == text, (
        "docs/configuration.md is behind: run python -m services.core.settings_table docs/configuration.md"
    )
    for name, field in Settings.model_fields.items():
        assert f"`TERROIR_{name.upper()}`" in text
        assert field.description, f"{name} has no description"
    # Values as a reader of services/core/settings.py would write them.
    for line in (
        "| `TERROIR_SEEN_RETENTION` | `P60D` | How long idempotency keys",
        "| `TERROIR_PORT` | `8000` | Port of the API. Allowed: at least 0, at most 65535. |",
        "| `TERROIR_ENCODING` | `auto` | How ChirpStack writes its events; auto looks at each message. "
        "One of: `auto`, `json`, `protobuf`. |",
    ):
        assert line in text


def test_a_document_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="needs the lines"):
        settings_table.replace("# Configuration\n")
