"""The ledger: what was received of what was sent and expected, kept up with the feed. docs/ledger.md has the rules."""

from datetime import timedelta

from services.core.storage import changes, ledger_again, ledger_days, ledger_months, ledger_settle
from services.core.storage.ledger_again import Due
from services.worker.job import Context, Job, Progress

CONSUMER = "ledger"
CHANNEL = "terroir_ledger"
"""NOTIFY on it: somebody waits until the ledger has caught up."""
BATCHES = 50
"""Read in one transaction, of 1,000 frames each unless set otherwise: 3 s where each frame is of another device.
While it runs, no consumer of the feed sees what was committed after it began."""


def step(context: Context) -> Progress:
    """Settle what the next changes and notes say; they count as read in the same transaction."""
    connection, now = context.connection, context.clock()
    with connection.transaction():
        # What is read again is then what the feed told of, and no later frame: that one would not follow when it comes.
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        taken = changes.take(connection, CONSUMER, batches=BATCHES)
        changed = ledger_settle.settle(connection, taken.batches)
        notes = ledger_settle.take_notes(connection)
        due: dict[str, Due] = {}
        for note in notes:
            changed.add((note.dev_eui, note.day))
            if note.unsettled:
                due[note.dev_eui] = _earliest(Due(note.day, note.first_received), due.get(note.dev_eui))
        changed |= ledger_again.settle_again(connection, due)
        ledger_days.write_days(connection, changed, now)
        # While there is more to read, sums of today would be out of date at once.
        behind = taken.more or bool(notes)
        ledger_days.write_summaries(connection, {day for _, day in changed})
    if behind:
        return Progress.MORE
    with connection.transaction():
        if ledger_days.go_round(connection, now) or ledger_months.close_month(connection, now):
            return Progress.MORE
    return Progress.DONE if taken.batches else Progress.IDLE


def _earliest(one: Due, other: Due | None) -> Due:
    if other is None:
        return one
    received = [at for at in (one.first_received, other.first_received) if at is not None]
    return Due(min(one.day, other.day), min(received, default=None))


# Each device that was heard costs two rows whenever this runs, however often it was heard: let frames gather.
# Who waits for it says so.
LEDGER = Job("ledger", step, interval=timedelta(seconds=30), channels=frozenset({CHANNEL}), consumer=CONSUMER)
