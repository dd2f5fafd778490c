"""A session that nobody serves any more, as an upgrade or a smaller number of replicas leaves one: it is drained."""

import os
import signal
import time
from collections.abc import Callable

from services.demo.ports import free_port
from services.demo.scrape import sample
from services.demo.service import command
from tests.chaos.stack import SHARED, Stack

_NAME = "terroir-ingest-7"
_SUBSCRIBED_WITHIN = 10.0
_DRAINED_WITHIN = 30.0


def leave_and_drain(stack: Stack) -> bool:
    """A member of a shared filter comes, takes some of what is dealt to it, is killed, and drained.

    False when it did not come to that, or the drain did not come to its end: what it leaves the next one finds.
    """
    port = free_port()
    shared = {"mqtt_client_id": _NAME, "mqtt_topic": SHARED}
    member = stack.process("leftover", stack.ingest_command(1), ingest_metrics_port=str(port), **shared)
    member.start()
    subscribed = _within(_SUBSCRIBED_WITHIN, lambda: sample(port, "terroir_ingest_connected") == 1)
    if subscribed:
        time.sleep(0.5)
    pid = member.pid
    if pid is not None:
        os.kill(pid, signal.SIGKILL)
    member.stop()
    if not subscribed:
        return False
    drain = stack.process("drain", command("ingest", "--drain", _NAME, "--force"), **shared)
    drain.start()
    ended = _within(_DRAINED_WITHIN, lambda: drain.pid is None)
    if not ended and (pid := drain.pid) is not None:
        os.kill(pid, signal.SIGKILL)
    drain.stop()
    return ended and drain.status == 0


def _within(seconds: float, condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True
