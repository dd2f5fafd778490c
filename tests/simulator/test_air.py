"""The air on a clock of the test: a row of the manifest says what was done to a frame, whichever attempt is heard."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.faults.plan import Plan
from simulator.gateways.actions import Happened
from simulator.gateways.air import Air
from simulator.gateways.gateway import VirtualGateway
from simulator.lorawan.crypto import SessionKeys
from simulator.lorawan.state import DeviceState, Session
from simulator.message import Message
from simulator.scenario.load import load
from simulator.sensors import build
from simulator.station import SECOND

HOUR = 3600 * SECOND
START = 1_780_000_000 * SECOND
SEED = 7


def on_air(scenario: Path, hours: int, confirmed: float) -> Happened:
    """What happened to devices that have joined and that no server answers."""
    read = load(scenario)
    devices = build(read, SEED)
    keys = SessionKeys(bytes(16), bytes(range(16)))
    states = {device.dev_eui: DeviceState(1, Session(number, keys)) for number, device in enumerate(devices)}
    gateways = [VirtualGateway(index, spec, START - HOUR) for index, spec in enumerate(read.gateways)]
    plan = Plan(read, SEED, START)
    air = Air(read, devices, states, gateways, SEED, START, divisor=4, confirmed=confirmed, plan=plan)
    happened = Happened()
    while air.next_at < START + hours * HOUR:
        air.step(air.next_at, happened)
    air.drain(happened)
    return happened


def heard(happened: Happened) -> tuple[list[Message], dict[int, list[tuple[int, int]]]]:
    """The rows, each once, and by the id of a row the (attempt, gateways) of its frame's transmissions."""
    rows = {id(message): message for _, message in happened.copies if message is not None}
    sent: dict[tuple[str, int | None], list[tuple[int, int]]] = {}
    for row, _ in happened.sent:
        sent.setdefault((row.dev_eui, row.f_cnt), []).append((row.attempt, row.gateways))
    return list(rows.values()), {key: sent[row.dev_eui, row.f_cnt] for key, row in rows.items()}


@pytest.mark.parametrize("confirmed", [0.0, 1.0])
def test_a_frame_first_heard_when_it_is_sent_again_has_what_befell_it(
    hamlet: Path, tmp_path: Path, confirmed: float
) -> None:
    happen = (
        "  loss_rate: 0.5\n  happen:\n    - {fault: truncated, rate: 0.3}\n    - {fault: retransmitted, rate: 0.5}\n"
    )
    text = hamlet.read_text()
    assert "  loss_rate: 0.05\n" in text
    scenario = tmp_path / "lossy.yaml"
    scenario.write_text(text.replace("  loss_rate: 0.05\n", happen))
    messages, attempts = heard(on_air(scenario, 24, confirmed))
    late = 0
    for message in messages:
        cut = len(message.payload) == 1  # every whole payload of these models is longer
        fault = "" if message.fault is None else message.fault
        assert ("truncated" in fault) == cut
        assert (message.outcome == "refused") == (cut and message.declared)
        assert (not message.truths) == cut
        taken = [attempt for attempt, gateways in attempts[id(message)] if gateways]
        late += min(taken) > 1 and message.fault is not None
    assert late > 10


def test_what_is_refused_was_never_taken_before(hamlet: Path, tmp_path: Path) -> None:
    """A frame that is played back when its device's counter has fallen is no frame that a server tells of."""
    happen = "  happen:\n    - {fault: repeated, rate: 1}\n"
    for hour in range(1, 24):
        happen += f"    - {{fault: counter_refused, after: {hour}h, lasts: 30m}}\n"
    scenario = tmp_path / "falling.yaml"
    scenario.write_text(hamlet.read_text().replace("  loss_rate: 0.05\n", "  loss_rate: 0.05\n" + happen))
    happened = on_air(scenario, 24, 0.0)
    taken = {row.phy for row, message in happened.sent if message is not None}
    refused = {row.phy for row, message in happened.sent if message is None and row.kind == "data" and row.gateways}
    assert taken
    assert refused
    assert taken.isdisjoint(refused)
