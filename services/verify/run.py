"""The comparison as a whole: a manifest against a database."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from services.verify.frames import compare_repetitions, compare_uplinks, judge_handed
from services.verify.manifest import Manifest
from services.verify.messages import compare_events, compare_quarantine, settle
from services.verify.readings import compare_readings
from services.verify.scratch import Scratch
from services.verify.stored import Store
from services.verify.verdict import Verdict

Progress = Callable[[int, int], None]
"""Is told how many lines of the manifest have been compared, and of how many."""


def verify(conninfo: str, manifest: Path, progress: Progress = lambda _done, _total: None) -> Verdict:
    """Compare what a simulator sent with what is stored, in one snapshot of each and in bounded memory.

    Let ingest finish first: what still waits in the broker counts as missing. Raises ManifestError, SchemaBehind,
    SchemaUnknown, psycopg.Error.
    """
    with (
        Manifest.open(manifest) as sent,
        Store.open(conninfo) as store,
        closing(Scratch()) as scratch,
    ):
        if sent.of_gateways:
            sent.bind(store.handed())
        # Uplinks and events pass the messages once, the quarantine passes all of them again.
        total = 2 * sent.messages + sent.values
        done = 0

        def advance(lines: int) -> None:
            nonlocal done
            done += lines
            progress(done, total)

        uplinks = compare_uplinks(sent, store, scratch, advance)
        compare_repetitions(sent, store, uplinks)
        if sent.of_gateways:
            judge_handed(sent, uplinks)
        events = compare_events(sent, store, scratch, advance)
        quarantine = compare_quarantine(sent, store, scratch, advance)
        settle(scratch, uplinks, events)
        readings = compare_readings(sent, store, scratch, advance)
        progress(total, total)
    return Verdict((uplinks, events, quarantine, readings))
