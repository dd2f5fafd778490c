"""A limit against silent disaster: a release that cannot read the frames must stop, not fill the quarantine.

Counted are declared devices, not messages: whoever floods us with garbage is not declared, or is one device. Each has
one vote, its last frame, as long as it is a day old at most (docs/decisions/0013-when-ingest-stops-itself.md).
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from psycopg import Connection
from psycopg.rows import TupleRow

from services.core.domain import Rejected, Uplink
from services.core.settings import Settings
from services.core.storage.halts import end_halt, halt_of, heard_lately
from services.core.storage.inventory import Inventory
from services.ingest.parsing import Parsed

DEVICES = 200
"""How many of the devices heard last are looked at: seconds in a large territory, all there are in a small one."""

LEAST = 5
"""Devices that must be concerned: fewer can be broken by themselves."""

FRESH = timedelta(hours=25)
"""How long a device's vote counts: those that report once a day are heard in it."""

_DEV_EUI = re.compile(r"(?:^|/)([0-9A-Fa-f]{16})(?:/|$)")


class QuarantineHalt(Exception):
    """Storing this would quarantine the frames of too many devices: ``devices`` of the ``of_devices`` heard last."""

    def __init__(self, devices: int, of_devices: int, reason: str, detail: str) -> None:
        super().__init__(f"the last frames of {devices} of {of_devices} devices cannot be read: {reason}: {detail}")
        self.devices = devices
        self.of_devices = of_devices
        self.reason = reason
        self.detail = detail


class ShareLimit:
    """The votes of one ingest process. It begins with the devices heard before it started, unless that was a halt."""

    def __init__(self, settings: Settings) -> None:
        self._share = settings.quarantine_share
        self._client_id = settings.mqtt_client_id
        # By device, in order of when it was last heard: when, and what was wrong with its frame.
        self._votes: dict[str, tuple[datetime, Rejected | None]] = {}
        self._begun = False
        self._halted = False
        self._accepted = False
        self._concerns: Callable[[str], bool] = lambda _dev_eui: True

    def only(self, concerns: Callable[[str], bool]) -> None:
        """The process gets frames of these devices only: what others last said is no vote of its own."""
        self._concerns = concerns

    def accept(self) -> None:
        """Let what would trip it go to quarantine until the traffic is well again."""
        self._accepted = True

    def judge(self, connection: Connection[TupleRow], inventory: Inventory, parsed: Sequence[Parsed]) -> None:
        """Before a batch is stored. Raises QuarantineHalt, psycopg.Error."""
        if not self._begun:
            self._begin(connection)
        if self._share >= 1:
            return
        bad = self._count(connection, inventory, parsed)
        of_each, known = Counter(reject.reason for reject in bad), len(self._votes)
        over = len(bad) >= LEAST and len(bad) > self._share * known
        self._trim()
        if over and not self._accepted:
            self._halted = True
            reason, _ = of_each.most_common(1)[0]
            raise QuarantineHalt(len(bad), known, reason, next(r.detail for r in reversed(bad) if r.reason == reason))
        if self._halted and not over and known - len(bad) >= LEAST:
            end_halt(connection, self._client_id)
            self._halted = self._accepted = False

    def _begin(self, connection: Connection[TupleRow]) -> None:
        state = halt_of(connection, self._client_id)
        if state.open and self._share >= 1:
            end_halt(connection, self._client_id)
        elif state.open:
            # Started again after a halt: who was heard before it speaks for nothing.
            self._halted, self._accepted = True, state.accepted
        elif self._share < 1:
            self._votes = {
                dev_eui: (at, None) for dev_eui, at in heard_lately(connection, DEVICES) if self._concerns(dev_eui)
            }
        self._begun = True

    def _count(
        self, connection: Connection[TupleRow], inventory: Inventory, parsed: Sequence[Parsed]
    ) -> list[Rejected]:
        """Take the votes of a batch; gives those against, when the batch has any."""
        votes: dict[str, tuple[datetime, Rejected | None]] = {}
        against = any(isinstance(message, Rejected) for message in parsed)
        # Where all is well the last ones say enough: most batches are like that.
        for message in parsed if against else parsed[-DEVICES:]:
            if isinstance(message, Uplink):
                votes[message.dev_eui] = message.received_at, None
            elif isinstance(message, Rejected) and (dev_eui := _frame_of(message.topic)):
                votes[dev_eui] = message.received_at, message
        if not votes:
            return []
        devices = inventory.devices(connection, votes)
        for dev_eui, vote in votes.items():
            if devices[dev_eui] is not None:
                self._votes.pop(dev_eui, None)
                self._votes[dev_eui] = vote
        if not against and not self._halted:
            return []
        oldest = max(at for at, _ in votes.values()) - FRESH
        self._votes = {dev_eui: vote for dev_eui, vote in self._votes.items() if vote[0] >= oldest}
        return [reject for _, reject in self._votes.values() if reject is not None]

    def _trim(self) -> None:
        while len(self._votes) > DEVICES:
            del self._votes[next(iter(self._votes))]


def _frame_of(topic: str) -> str | None:
    """The device whose frame a topic announces, read simply: the parser of topics may be what is broken."""
    if "up" not in topic.split("/"):
        return None
    found = _DEV_EUI.search(topic)
    return found[1].lower() if found else None
