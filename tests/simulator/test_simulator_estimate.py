"""What the command foretells of a history."""

import re

from click.testing import CliRunner

from services.commands.simulation import simulate


def _told(*arguments: str) -> str:
    result = CliRunner().invoke(simulate, ["village", "--estimate", "--for", "30d", *arguments])
    assert result.exit_code == 0, result.output
    return result.output


def test_a_history_is_foretold():
    found = re.match(r"62 devices, about ([0-9\u202f\u00a0 ]+) events from ", _told("--speed", "max"))
    assert found is not None
    # Sixty devices or so that speak every quarter of an hour to every hour.
    assert 30 * 24 * 60 < int(re.sub(r"[^0-9]", "", found[1])) < 30 * 96 * 62


def test_what_has_no_history_says_so_and_what_to_add():
    assert _told() == "62 devices and no history: all is sent in real time; add --since or --speed max\n"
