"""What the demo tells its processes must be settings they accept, however long the history."""

from datetime import timedelta
from types import SimpleNamespace

import pytest

from services.core.settings import PREFIX, load
from services.demo.crew import service_settings
from services.demo.ground import Ports
from services.demo.screen import Screen


@pytest.mark.parametrize("days", [0, 31, 60, 365, 2000])
def test_a_history_of_any_length_is_accepted(monkeypatch: pytest.MonkeyPatch, days: int) -> None:
    ground = SimpleNamespace(url="postgresql:///terroir", broker=SimpleNamespace(url="mqtt://127.0.0.1:11883"))
    told = service_settings(ground, Ports(8000, 15432, 11883, 9001, 9002), timedelta(days=days))
    for name, value in told.items():
        monkeypatch.setenv(PREFIX + name.upper(), value)
    settings = load()
    assert settings.late_limit == timedelta(days=days)
    assert settings.seen_retention > max(settings.late_limit, settings.mqtt_session_expiry)


@pytest.mark.parametrize(("term", "renewed"), [("xterm-256color", True), ("dumb", False)])
def test_escapes_go_only_where_they_are_understood(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], term: str, renewed: bool
) -> None:
    monkeypatch.setenv("TERM", term)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    screen = Screen()
    screen.renew("3.1 uplinks/s")
    screen.say("stopped")
    assert ("\x1b" in capsys.readouterr().out) is renewed
