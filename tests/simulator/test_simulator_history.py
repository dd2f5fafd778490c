"""Long histories: how many events they are, fewer devices, and waiting for whoever stores them."""

from __future__ import annotations

import csv
import threading
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from simulator.errors import ManifestError, OptionError
from simulator.run import Options, Progress, expected, export, run
from simulator.scenario.load import load
from simulator.scenario.model import Scenario
from simulator.scenario.thin import thinned

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def agglomeration() -> Scenario:
    return load("agglomeration")


def names(scenario: Scenario) -> set[tuple[str, str]]:
    return {(site.name, point.name) for site in scenario.sites for point in site.points}


def models(scenario: Scenario) -> Counter[str]:
    return Counter(point.device.model for site in scenario.sites for point in site.points)


def test_a_lighter_territory_keeps_the_share_of_every_model(agglomeration: Scenario) -> None:
    light, whole = thinned(agglomeration, 200), models(agglomeration)
    assert models(light).keys() == whole.keys()
    for model, count in models(light).items():
        assert count == max(1, round(whole[model] / 10)), model
    assert names(thinned(agglomeration, 60)) < names(light) < names(agglomeration)
    assert light.gateways == agglomeration.gateways
    assert thinned(agglomeration, 2000) is thinned(agglomeration, None) is agglomeration
    with pytest.raises(OptionError, match="devices is 1 or more, not 0"):
        thinned(agglomeration, 0)


def options(scenario: str | Path, folder: Path) -> Options:
    return Options(
        scenario=scenario,
        manifest=folder / "manifest.db",
        file=folder / "events.jsonl",
        since=NOW - DAY,
        until=NOW,
        speed="max",
        clock=lambda: NOW,
    )


def test_the_devices_of_the_csv_are_those_that_send(tmp_path: Path) -> None:
    light = replace(options("agglomeration", tmp_path), devices=40, territory=tmp_path / "sent.csv")
    run(light)
    export("agglomeration", tmp_path / "alone.csv", 40)
    assert (tmp_path / "alone.csv").read_bytes() == (tmp_path / "sent.csv").read_bytes()
    with (tmp_path / "sent.csv").open(encoding="utf-8") as file:
        declared = {row["dev_eui"] for row in csv.DictReader(file)}
    assert light.file is not None
    text = light.file.read_text()
    assert 35 <= len(declared) <= 45
    assert {line.split("/device/")[1][:16] for line in text.splitlines()} == declared
    with pytest.raises(ManifestError, match=r"its devices is '40', this run's is 'all'; give another file"):
        run(replace(light, devices=None, until=NOW + DAY))


@pytest.mark.parametrize("scenario", ["village", "agglomeration"])
def test_what_is_expected_comes(scenario: str, tmp_path: Path) -> None:
    """Bays and gates, which report when something changes, are counted too."""
    wanted = replace(options(scenario, tmp_path), devices=60, since=NOW - 3 * DAY)
    told: list[Progress] = []
    foretold = expected(wanted)
    summary = run(replace(wanted, progress=told.append))
    assert summary.copies == pytest.approx(foretold.events, rel=0.04)
    assert told[0].total == foretold.events
    assert (foretold.simulated_from, foretold.simulated_until) == (NOW - 3 * DAY, NOW)
    assert sorted(tmp_path.iterdir()) == [tmp_path / "events.jsonl", tmp_path / "manifest.db"]


def test_nothing_new_is_sent_while_it_is_held(hamlet: Path, tmp_path: Path) -> None:
    hold, stop = tmp_path / "hold", threading.Event()
    done: list[int] = [0]
    held_at: list[int] = []

    def tell(progress: Progress) -> None:
        if progress.done and not done[-1]:
            hold.touch()
            held_at.append(progress.done)
        done.append(progress.done)

    held = replace(options(hamlet, tmp_path), since=NOW - 30 * DAY, hold=hold, progress=tell, stop=stop)
    thread = threading.Thread(target=run, args=(held,))
    thread.start()
    while not done[-1]:
        assert thread.is_alive()
        stop.wait(0.02)
    for _ in range(8):
        stop.wait(0.25)
        assert thread.is_alive()
    sent = done[-1]
    assert sent <= held_at[0] + 1000, "the batch that was under way, of the many of a month"
    hold.unlink()
    thread.join()
    assert done[-1] > sent + 1000
