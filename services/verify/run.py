"""The comparison as a whole: a manifest against a database."""

from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from services.core.civil import day_of
from services.verify.arrivals import Arrivals
from services.verify.derived import compare_derived
from services.verify.fates import Fates
from services.verify.flags import FlagRules
from services.verify.frames import compare_repetitions, compare_uplinks, judge_handed
from services.verify.ledger import LedgerComparison
from services.verify.manifest import Manifest
from services.verify.messages import compare_events, compare_quarantine, settle
from services.verify.readings import compare_readings
from services.verify.scratch import Scratch
from services.verify.server import compare_told
from services.verify.settled import settled
from services.verify.verdict import Verdict

Progress = Callable[[int, int], None]
"""Is told how many lines of the manifest have been compared, and of how many."""

LEDGER_PATIENCE = timedelta(seconds=60)


def verify(
    conninfo: str,
    manifest: Path,
    progress: Progress = lambda _done, _total: None,
    late_after: timedelta = timedelta(hours=1),
    *,
    ledger_patience: timedelta | None = LEDGER_PATIENCE,
    deliveries_kept: bool = True,
) -> Verdict:
    """Compare what a simulator sent with what is stored, in one snapshot of each and in bounded memory.

    `late_after` is the store's setting. Let ingest finish first: what still waits in the broker counts as missing.
    `ledger_patience`: how long a worker may take to bring the ledger up to date, None: leave it alone.
    `deliveries_kept`: false where the broker was killed, and may have lost copies it had acknowledged.
    Raises ManifestError, SchemaBehind, SchemaUnknown, psycopg.Error.
    """
    with (
        Manifest.open(manifest) as sent,
        settled(conninfo, ledger_patience) as (store, no_ledger),
        closing(Scratch()) as scratch,
        closing(Arrivals(late_after)) as arrivals,
    ):
        if sent.of_gateways:
            sent.bind(store.handed())
        # Uplinks and events pass the messages once, the quarantine passes all of them again.
        rules = FlagRules(late_after, clocks_known=not sent.of_gateways)
        total = 2 * sent.messages + sent.values
        done = 0

        def advance(lines: int) -> None:
            nonlocal done
            done += lines
            progress(done, total)

        fates = Fates()
        uplinks = compare_uplinks(sent, store, scratch, arrivals, fates, advance)
        compare_repetitions(sent, store, uplinks)
        if sent.of_gateways:
            judge_handed(sent, uplinks)
        if sent.of_gateways:
            events = compare_told(sent, store)
            advance(sent.messages)
            arrivals.foreign = True  # events of the network server's own are not counted one by one
        else:
            events = compare_events(sent, store, scratch, arrivals, fates, advance)
        quarantine = compare_quarantine(sent, store, scratch, arrivals, fates, advance)
        settle(scratch, fates, uplinks, events)
        readings = compare_readings(sent, store, scratch, fates, rules, advance)
        derived = compare_derived(sent, store, lambda _lines: None)
        tallies = (uplinks, events, quarantine, readings, derived)
        begins = sent.begins()
        if no_ledger is not None or begins is None:
            return _told(Verdict(tallies, fates, no_ledger), progress, total)
        ledger = LedgerComparison(arrivals, deliveries_kept=deliveries_kept and not sent.of_gateways)
        ledger.compare(sent, store, day_of(begins), lambda: advance(0))
    return _told(Verdict((*tallies, ledger.days, ledger.platform), fates, None, ledger.redelivered), progress, total)


def _told(verdict: Verdict, progress: Progress, total: int) -> Verdict:
    progress(total, total)
    return verdict
