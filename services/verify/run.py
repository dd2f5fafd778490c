"""The comparison as a whole: a manifest against a database, slice by slice."""

import os
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import closing
from datetime import timedelta
from functools import reduce
from pathlib import Path

from services.core.civil import day_of
from services.verify.arrivals import Arrivals
from services.verify.comparison import Comparison, Outcome
from services.verify.fates import Fates
from services.verify.flags import FlagRules
from services.verify.ledger import compare_platform
from services.verify.manifest import Manifest
from services.verify.messages import compare_quarantine, settle
from services.verify.part import WHOLE, Part
from services.verify.partition import Partition
from services.verify.room import check_room, needed, temporary_folder
from services.verify.scratch import Scratch
from services.verify.settled import settled
from services.verify.strays import Strays
from services.verify.verdict import Tally, Verdict

Progress = Callable[[int, int], None]
"""Is told how many lines of the manifest have been compared, and of how many."""

LEDGER_PATIENCE = timedelta(seconds=60)
SLICE = 20_000_000
"""Messages and values that are sorted at a time: some 3 GB of temporary files on either side."""


def verify(
    conninfo: str,
    manifest: Path,
    progress: Progress = lambda _done, _total: None,
    late_after: timedelta = timedelta(hours=1),
    *,
    ledger_patience: timedelta | None = LEDGER_PATIENCE,
    deliveries_kept: bool = True,
    slice_size: int = SLICE,
) -> Verdict:
    """Compare what a simulator sent with what is stored, in one snapshot of each and in bounded memory and disk.

    `late_after` is the store's setting. Let ingest finish first: what still waits in the broker counts as missing.
    `ledger_patience`: how long a worker may take to bring the ledger up to date, None: leave it alone.
    `deliveries_kept`: false where the broker was killed, and may have lost copies it had acknowledged.
    `slice_size`: messages and values of the devices that are compared at a time; the verdict does not depend on it.
    Raises ManifestError, NoRoom, SchemaBehind, SchemaUnknown, psycopg.Error.
    """
    with (
        Manifest.open(manifest) as sent,
        settled(conninfo, ledger_patience) as (store, no_ledger),
        closing(Scratch()) as scratch,
        closing(Arrivals(late_after)) as arrivals,
    ):
        if sent.of_gateways:
            sent.bind(store.handed())
        begins = sent.begins()
        large = sent.larger_than(slice_size)
        size = min(sent.messages + sent.values, slice_size) if large else sent.messages + sent.values
        check_room(needed(size, sent.messages if large else 0), temporary_folder(os.environ))
        # Dividing passes the values once.
        bar = _Bar(progress, 2 * sent.messages + (2 if large else 1) * sent.values)
        fates = Fates()
        quarantine = compare_quarantine(sent, store, scratch, arrivals, fates, bar.advance)
        partition = sent.divided(slice_size, store.weights(), bar.advance) if large else None
        with closing(Strays(partition)) as strays:
            comparison = Comparison(
                sent,
                store,
                scratch,
                strays,
                arrivals,
                FlagRules(late_after, clocks_known=not sent.of_gateways),
                None if no_ledger is not None or begins is None else day_of(begins),
                deliveries_kept and not sent.of_gateways,
                bar.advance,
            )
            outcomes = _compared(comparison, partition, bar)
        uplinks, events, readings, derived = (
            _sum(tallies) for tallies in zip(*(outcome.tallies for outcome in outcomes), strict=True)
        )
        for outcome in outcomes:
            fates.add(outcome.fates)
            arrivals.add(outcome.arrivals)
        settle(scratch, fates, uplinks, events, quarantine)
        tallies = (uplinks, events, quarantine, readings, derived)
        ledgers = [outcome.ledger for outcome in outcomes if outcome.ledger is not None]
        bar.end()
        if comparison.first_day is None:
            return Verdict(tallies, fates, no_ledger)
        platform = compare_platform(
            store.platform(comparison.first_day),
            arrivals,
            sum(ledger.duplicates for ledger in ledgers),
            deliveries_kept=comparison.deliveries_kept,
        )
        days = _sum(ledger.days for ledger in ledgers)
        return Verdict((*tallies, days, platform), fates, None, sum(ledger.redelivered for ledger in ledgers))


def _compared(comparison: Comparison, partition: Partition | None, bar: "_Bar") -> list[Outcome]:
    """Every slice, and once more those of which others found something after they were compared."""
    parts = [WHOLE] if partition is None else partition.parts
    outcomes: dict[Part, Outcome] = {}
    took: dict[Part, int] = {}
    waiting = deque(parts)
    while waiting:
        part = waiting.popleft()
        if partition is not None:
            partition.show(part)
        before = bar.done
        comparison.strays.owed.discard(part)
        outcomes[part] = comparison.of(part)
        took[part] = bar.done - before
        for again in sorted(comparison.strays.owed & outcomes.keys() - set(waiting)):
            bar.more(took[again])
            waiting.append(again)
    return [outcomes[part] for part in parts]


def _sum(tallies: Iterable[Tally]) -> Tally:
    def plus(left: Tally, right: Tally) -> Tally:
        left.add(right)
        return left

    return reduce(plus, tallies)


class _Bar:
    """How far everything is: the quarantine passes all messages, the slices the messages and the values."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress = progress
        self._total = total
        self.done = 0

    def advance(self, lines: int) -> None:
        self.done += lines
        self._progress(self.done, self._total)

    def more(self, lines: int) -> None:
        """So much more is to be done than was thought."""
        self._total += lines

    def end(self) -> None:
        self._progress(self._total, self._total)
