"""One slice: what its devices sent against what is stored of them."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import date

from services.verify.arrivals import Arrivals
from services.verify.derived import compare_derived
from services.verify.fates import Fates
from services.verify.flags import FlagRules
from services.verify.frames import compare_repetitions, compare_uplinks, judge_handed
from services.verify.ledger import LedgerComparison
from services.verify.manifest import Manifest
from services.verify.messages import compare_events
from services.verify.part import Part
from services.verify.readings import compare_readings
from services.verify.scratch import Scratch
from services.verify.server import compare_told
from services.verify.stored import Store
from services.verify.strays import Strays
from services.verify.verdict import Tally


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of a slice. `ledger`: None where that is not compared; `arrivals`: closed, its sums are of use."""

    tallies: tuple[Tally, ...]
    fates: Fates
    arrivals: Arrivals
    ledger: LedgerComparison | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """What all slices have in common.

    `arrivals`: what is known already, of the quarantine; `first_day`: of the ledger, None leaves it alone.
    """

    sent: Manifest
    store: Store
    scratch: Scratch
    strays: Strays
    arrivals: Arrivals
    rules: FlagRules
    first_day: date | None
    deliveries_kept: bool
    advance: Callable[[int], None]

    def of(self, part: Part) -> Outcome:
        """Compares a slice, which the manifest must show; the second time, with what others found of it meanwhile."""
        sent, store, scratch, strays, advance = self.sent, self.store, self.scratch, self.strays, self.advance
        fates = Fates()
        scratch.begin(part)
        with closing(self.arrivals.share(part)) as arrivals:
            uplinks = compare_uplinks(sent, store, part, strays, scratch, arrivals, fates, advance)
            compare_repetitions(sent, store, part, uplinks)
            if sent.of_gateways:
                judge_handed(sent, uplinks)
                events = compare_told(sent, store)
                advance(sent.messages)
                arrivals.foreign = True  # events of the network server's own are not counted one by one
            else:
                events = compare_events(sent, store, part, strays, scratch, arrivals, fates, advance)
            readings = compare_readings(sent, store, part, strays, scratch, fates, self.rules, advance)
            derived = compare_derived(sent, store, part, strays)
            ledger = None
            if self.first_day is not None:
                ledger = LedgerComparison(arrivals, deliveries_kept=self.deliveries_kept)
                ledger.compare(sent, store, part, self.first_day, lambda: advance(0))
        return Outcome((uplinks, events, readings, derived), fates, arrivals, ledger)
