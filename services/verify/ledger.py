"""The ledger, device by device and day by day, and the platform's own line, against what was sent and arrived."""

from collections.abc import Callable
from datetime import date

from services.core.storage.ledger import Platform
from services.verify.arrivals import Arrivals
from services.verify.counted import FIGURES, Bounds, Expected, Frame, expected_of
from services.verify.manifest import Manifest
from services.verify.merge import merge
from services.verify.part import Part
from services.verify.stored import LedgerDay, Store
from services.verify.verdict import Kind, Tally

NAMES = {"lost": "lost on air", "refused": "undecodable", "unknown": "undeclared"}
"""Figures that people know by another name than the table."""


class LedgerComparison:
    """The devices of a part: their tally, `duplicates` in all, and `redelivered`: those beyond what was published.

    `deliveries_kept`: what the broker acknowledged it delivered; not so where it was killed, nor at gateway level.
    """

    def __init__(self, arrivals: Arrivals, *, deliveries_kept: bool) -> None:
        self.days = Tally("ledger")
        self.redelivered = 0
        self.duplicates = 0
        self._arrivals = arrivals
        self._kept = deliveries_kept

    def compare(self, manifest: Manifest, store: Store, part: Part, first: date, advance: Callable[[], None]) -> None:
        """After everything else was; `first`: the manifest's first day, before which it knows nothing."""
        resets = manifest.resets()
        days = store.ledger_days(first, part)
        pairs = merge(self._arrivals.devices(), days, lambda sent: sent[0], lambda row: row.dev_eui)
        left = self._arrivals.quarantined.keys() | self._arrivals.deliveries.keys()
        for sent, rows in pairs:
            advance()
            dev_eui = sent[0][0] if sent else rows[0].dev_eui
            known = bool(sent) or dev_eui in left
            left.discard(dev_eui)
            self.days.place = 0, dev_eui
            self._device(dev_eui, sent[0][1] if sent else [], rows, resets.get(dev_eui, []), known=known)
        for dev_eui in sorted(left):
            self.days.place = 1, dev_eui
            self._device(dev_eui, [], [], [], known=True)

    def _device(
        self, dev_eui: str, frames: list[Frame], rows: list[LedgerDay], resets: list[int], *, known: bool
    ) -> None:
        self.duplicates += sum(row.duplicates for row in rows)
        if not known or dev_eui in self._arrivals.strangers or not dev_eui:
            self.days.foreign += len(rows)
            return
        expected = expected_of(frames, resets)
        for day, count in self._arrivals.quarantined_of(dev_eui).items():
            expected.add(day, "quarantined", Bounds(count, count))
        told = self._by_day(dev_eui, expected, {row.day: row for row in rows})
        self._whole(dev_eui, expected, rows, told)

    def _by_day(self, dev_eui: str, expected: Expected, rows: dict[date, LedgerDay]) -> set[str]:
        """Gives the figures that are wrong on any day."""
        wrong: set[str] = set()
        for day in sorted({day for day, _ in expected.days} | rows.keys()):
            self.days.expected += 1
            right = True
            for figure in {*FIGURES, "quarantined"} - expected.not_by_day:
                bounds = expected.days.get((day, figure), Bounds())
                number: int = getattr(rows[day], figure) if day in rows else 0
                if not bounds.allow(number):
                    right = False
                    wrong.add(figure)
                    _fault(self.days, f"{day} of {dev_eui}", figure, number, bounds)
            self.days.found += right
        return wrong

    def _whole(self, dev_eui: str, expected: Expected, rows: list[LedgerDay], told: set[str]) -> None:
        wholes = {figure: expected.whole.get(figure, Bounds()) for figure in FIGURES if figure not in told}
        low = self._arrivals.deliveries[dev_eui] if self._kept else 0
        wholes["duplicates"] = Bounds(low, None)
        for figure, bounds in wholes.items():
            number = sum(getattr(row, figure) for row in rows)
            if not bounds.allow(number):
                _fault(self.days, f"{dev_eui} in all", figure, number, bounds)
            if figure == "duplicates" and self._kept:
                self.redelivered += max(0, number - self._arrivals.published[dev_eui])


def compare_platform(platform: Platform, arrivals: Arrivals, duplicates: int, *, deliveries_kept: bool) -> Tally:
    """The platform's own line against the sums of all parts; `duplicates` as the ledger's devices have them."""
    tally = Tally("platform")

    def line(what: str, number: int, bounds: Bounds) -> None:
        tally.expected += 1
        if bounds.allow(number):
            tally.found += 1
        else:
            _fault(tally, "the platform line", what, number, bounds)

    def own(number: int) -> Bounds:
        return Bounds(number, None if arrivals.foreign else number)

    stored = {
        event: sum(n.messages for n in platform.counts if (n.outcome, n.detail) == ("stored", event))
        for event in {n.detail for n in platform.counts if n.outcome == "stored"} | arrivals.stored.keys()
    }
    for event, number in sorted(stored.items()):
        line(f"messages stored as {event}", number, own(arrivals.stored[event]))
    quarantined = arrivals.in_quarantine
    bounds = Bounds(quarantined.low, None) if arrivals.foreign else quarantined
    line("messages quarantined", platform.of("quarantined"), bounds)
    line("deliveries again", platform.of("duplicate"), own(duplicates))
    settled = platform.of("stored", "duplicate", "quarantined")
    line("publications settled", settled, Bounds(arrivals.accepted if deliveries_kept else 0, None))
    line("messages lost inside", platform.lost, Bounds())
    return tally


def _fault(tally: Tally, where: str, figure: str, number: int, bounds: Bounds) -> None:
    tally.fault(Kind.MISCOUNTED, f"{where}: {NAMES.get(figure, figure)} is {number}, and had to be {bounds.shown()}")
