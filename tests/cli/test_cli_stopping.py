"""SIGTERM and Ctrl-C, as processes that run day and night take them."""

import os
import signal
import subprocess
import sys

import pytest

WAITING = """
import signal, sys
from services.commands.stopping import stopped_by_signals
with stopped_by_signals() as stop:
    {meanwhile}
    print("ready", flush=True)
    stop.wait()
print("ended in order", flush=True)
"""


def waiting(meanwhile: str = "pass") -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", WAITING.format(meanwhile=meanwhile)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def outcome(child: "subprocess.Popen[str]") -> tuple[int, str, str]:
    try:
        out, err = child.communicate(timeout=30)
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()
        pytest.fail("it waits for ever")
    return child.returncode, out, err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_in_order(number: signal.Signals) -> None:
    child = waiting()
    assert child.stdout is not None
    child.stdout.readline()
    child.send_signal(number)
    assert outcome(child)[:2] == (0, "ended in order\n")


def test_a_signal_that_interrupts_whoever_holds_the_event_s_lock_ends_in_order() -> None:
    # What happens when a second SIGTERM arrives while the first is being handled, made certain.
    child = waiting("with stop._cond: signal.raise_signal(signal.SIGTERM)")
    assert outcome(child)[:2] == (0, "ready\nended in order\n")


def test_a_hail_of_signals_ends_in_order() -> None:
    child = waiting()
    assert child.stdout is not None
    child.stdout.readline()
    for _ in range(200):
        os.kill(child.pid, signal.SIGTERM)  # to a child that is not waited for: it is there, if only as a zombie
    status, out, _ = outcome(child)
    # After the block, a signal finds the handler of before: the default, which ends the process.
    assert (status, out) in {(0, "ended in order\n"), (-signal.SIGTERM, ""), (-signal.SIGTERM, "ended in order\n")}


def test_a_second_ctrl_c_ends_at_once() -> None:
    child = waiting("signal.raise_signal(signal.SIGINT); stop.wait(); signal.raise_signal(signal.SIGINT)")
    status, out, err = outcome(child)
    assert status != 0
    assert "ended in order" not in out
    assert err.rstrip().endswith("KeyboardInterrupt")
