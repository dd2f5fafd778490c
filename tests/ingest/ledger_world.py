"""Devices that send, and what arrives: the ledger computed from the whole list, without looking at how ours does it."""

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

PARIS = ZoneInfo("Europe/Paris")
START = datetime(2026, 3, 27, 6, tzinfo=UTC)
"""Two days before the night in which the clocks of Paris leap from 2 to 3."""

LATE_AFTER = timedelta(hours=1)
REFUSED = b"\x03\x67\x01"
"""A temperature cut off: no frame of the AM300 series ends so."""


@dataclass
class Frame:
    counter: int
    """As the device counts, for ever."""
    reported: int
    """As the network server writes it."""
    at: datetime
    delivered: bool
    payload: bytes
    repeated: bool
    copies: int


@dataclass
class Session:
    dev_addr: str
    joined_at: datetime | None
    frames: list[Frame] = field(default_factory=list)

    @property
    def heard(self) -> list[Frame]:
        return [frame for frame in self.frames if frame.delivered]


@dataclass
class Sender:
    dev_eui: str
    declared: bool
    sessions: list[Session]
    garbage: int


def world(seed: int) -> list[Sender]:
    dice = random.Random(seed)
    return [_sender(dice, n) for n in range(4)]


def _sender(dice: random.Random, number: int) -> Sender:
    sessions: list[Session] = []
    clock = START + timedelta(seconds=dice.randrange(7200))
    interval = timedelta(minutes=dice.choice([7, 25, 90, 160]))
    address = f"{dice.randrange(2**32):08x}"
    for turn in range(dice.randrange(1, 5)):
        kind = dice.choice(["join", "same address", "reset", "reset"]) if turn else "first"
        clock += timedelta(minutes=dice.randrange(1, 400))
        joined_at = None
        if kind == "join":
            address = f"{dice.randrange(2**32):08x}"
        if kind in {"join", "same address"}:
            joined_at, clock = clock, clock + timedelta(seconds=dice.randrange(5, 4000))
        start = dice.choice([0, 3, 4980, 65_500, 65_530]) if kind == "first" else 0
        wraps = start > 60_000 and dice.random() < 0.5
        session = _session(dice, address, joined_at, start, clock, interval, wraps, turn)
        clock = session.frames[-1].at
        if kind == "reset" and not _can_be_told(sessions, session):
            session.dev_addr = address = f"{dice.randrange(2**32):08x}"
        sessions.append(session)
    return Sender(f"24e124707c0004{number:02x}", dice.random() < 0.7, sessions, dice.randrange(3))


def _session(dice, address, joined_at, start, clock, interval, wraps, turn) -> Session:
    session = Session(address, joined_at)
    deaf = 0
    for counter in range(start, start + dice.choice([3, 30, 60])):
        clock += interval + timedelta(seconds=dice.randrange(-60, 60))
        deaf = deaf - 1 if deaf else dice.choice([0] * 20 + [1, 2, 8])
        payload = REFUSED if dice.random() < 0.1 else b"\x03\x67" + (counter % 60 + 60 * turn).to_bytes(2, "little")
        frame = Frame(
            counter,
            counter % 65_536 if wraps else counter,
            clock,
            not deaf,
            payload,
            # Equal frames of two sessions are not what this is about: the guard against repetitions would take sides.
            payload != REFUSED and dice.random() < 0.05,
            dice.choice([1] * 9 + [2, 3]),
        )
        session.frames.append(frame)
    heard = session.heard
    for one, two in zip(heard[1:-1:7], heard[2:-1:7], strict=False):
        if dice.random() < 0.3:
            one.at, two.at = two.at, one.at
    return session


def _can_be_told(before: list[Session], session: Session) -> bool:
    """A counter that begins anew without a join is known from disorder when it falls far or says again what it said."""
    same = [frame for other in before if other.dev_addr == session.dev_addr for frame in other.heard]
    if not same or not session.heard:
        return True
    last = [other for other in before if other.dev_addr == session.dev_addr and other.heard][-1]
    top, first = max(frame.reported for frame in last.heard), session.heard[0].reported
    if any(frame.counter > 65_535 for frame in last.heard) or (first - top) % 65_536 <= 16_384:
        return False
    return top - first >= 16 or first in {frame.reported for frame in last.heard}


Key = tuple[str, date, str]


def day_of(at: datetime) -> date:
    return at.astimezone(PARIS).date()


def sessions_of(senders: list[Sender], received_at: datetime) -> dict[Key, Counter]:
    """Per device, day and address: received, lost, sessions, late, refused, unknown, repeats."""
    book: dict[Key, Counter] = {}
    for sender in senders:
        for session in sender.sessions:
            heard = {frame.counter: frame for frame in session.heard}
            if not heard:
                continue

            def line(frame: Frame, sender: Sender = sender, session: Session = session) -> Counter:
                return book.setdefault((sender.dev_eui, day_of(frame.at), session.dev_addr), Counter())

            for frame in heard.values():
                line(frame)["received"] += 1
                line(frame)["late"] += received_at - frame.at > LATE_AFTER
                line(frame)["refused"] += sender.declared and frame.payload == REFUSED
                line(frame)["unknown"] += not sender.declared
                line(frame)["repeats"] += frame.repeated
            line(min(heard.values(), key=lambda frame: frame.at))["sessions"] += 1
            for missing in set(range(min(heard), max(heard))) - heard.keys():
                line(heard[min(counter for counter in heard if counter > missing)])["lost"] += 1
    return {key: +counts for key, counts in book.items()}


def messages_of(territory, senders: list[Sender], dice: random.Random) -> list:
    """Everything that arrives, in an order of chance."""
    messages = []
    for number, sender in enumerate(senders):
        for n, session in enumerate(sender.sessions):
            if session.joined_at is not None:
                messages.append(_join(territory, sender.dev_eui, session, UUID(int=10_000_000 + 100 * number + n)))
            for frame in session.heard:
                identity = UUID(int=1_000_000 * number + 10_000 * n + 2 * (frame.counter % 4000) + 1)
                up = _up(territory, sender.dev_eui, session, frame, identity, frame.at)
                messages += [up] * frame.copies
                if frame.repeated:
                    again = UUID(int=identity.int + 1)
                    at = frame.at + timedelta(seconds=1)
                    messages.append(_up(territory, sender.dev_eui, session, frame, again, at))
        topic = f"application/a/device/{sender.dev_eui}/event/up"
        messages += [territory.message(topic, b"{%d" % n) for n in range(sender.garbage)]
    for _ in range(dice.choice([0, len(messages) // 10, 5 * len(messages)])):
        one, two = dice.randrange(len(messages)), dice.randrange(len(messages))
        messages[one], messages[two] = messages[two], messages[one]
    return messages


def _up(territory, dev_eui: str, session: Session, frame: Frame, identity: UUID, at: datetime):
    return territory.up(
        dev_eui,
        frame.payload,
        at=at,
        f_cnt=frame.reported,
        deduplication_id=identity,
        devAddr=session.dev_addr,
    )


def _join(territory, dev_eui: str, session: Session, identity: UUID):
    import json

    event = {
        "deduplicationId": str(identity),
        "time": session.joined_at.isoformat(),
        "deviceInfo": {"devEui": dev_eui},
        "devAddr": session.dev_addr,
    }
    return territory.message(f"application/a/device/{dev_eui}/event/join", json.dumps(event).encode())
