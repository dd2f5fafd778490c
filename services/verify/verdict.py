"""What a comparison found: counts for each kind of thing and each kind of fault, and the first examples."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self

from services.verify.fates import UNTOUCHED, Fates

EXAMPLES = 5


class Kind(StrEnum):
    """How the store can differ from what was sent."""

    MISSING = "missing"
    """Acknowledged by the broker, and not there."""
    DOUBLED = "doubled"
    """There more than once."""
    CHANGED = "changed"
    """There, and not what was sent."""
    MISPLACED = "misplaced"
    """In quarantine instead of the store, or the other way round."""
    EXTRA = "extra"
    """There, and nothing that was sent says so."""
    MISJUDGED = "misjudged"
    """There as it was sent, with another outcome, reason or flag than it had to get."""
    MISCOUNTED = "miscounted"
    """Counted by the ledger as something else than it was."""


@dataclass(slots=True)
class Tally:
    """The comparison of one kind of thing, filled while it runs.

    `expected`: acknowledged and due; `found`: of those, there exactly once as sent; `not_due`: there as sent
    though nobody could demand it (never acknowledged, or of a device that was not declared then), which is no
    fault; `foreign`: rows the manifest does not speak of. `place`: where the comparison is; the examples that are kept
    are those of the first places, whichever slice they come from.
    """

    name: str
    expected: int = 0
    found: int = 0
    not_due: int = 0
    foreign: int = 0
    faults: Counter[Kind] = field(default_factory=Counter[Kind])
    place: tuple[Any, ...] = ()
    _first: dict[Kind, list[tuple[tuple[Any, ...], int, str]]] = field(
        default_factory=dict[Kind, list[tuple[tuple[Any, ...], int, str]]]
    )

    def fault(self, kind: Kind, example: str) -> None:
        self.faults[kind] += 1
        first = self._first.setdefault(kind, [])
        if len(first) < EXAMPLES:
            first.append((self.place, self.faults.total(), example))

    @property
    def examples(self) -> dict[Kind, list[str]]:
        """The first of each kind, the kind that comes first before the others."""
        kinds = sorted(self._first.items(), key=lambda item: item[1][0])
        return {kind: [example for *_, example in first] for kind, first in kinds}

    def add(self, other: Self) -> None:
        """What another slice gave, of which no place is one of ours."""
        self.expected += other.expected
        self.found += other.found
        self.not_due += other.not_due
        self.foreign += other.foreign
        self.faults += other.faults
        for kind, theirs in other._first.items():
            self._first[kind] = sorted(self._first.get(kind, []) + theirs)[:EXAMPLES]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Every tally. `sound` is the answer: everything acknowledged is there, once, as it was sent.

    `no_ledger`: why the ledger was not compared, None when it was. `redelivered`: deliveries it counts beyond those
    that were published.
    """

    tallies: tuple[Tally, ...]
    fates: Fates = field(default_factory=Fates)
    no_ledger: str | None = None
    redelivered: int = 0

    @property
    def sound(self) -> bool:
        return not any(tally.faults.total() for tally in self.tallies)

    @property
    def lost(self) -> int:
        """Acknowledged messages that are nowhere; readings and what is derived are not counted, their frames are."""
        return sum(tally.faults[Kind.MISSING] for tally in self.tallies if tally.name not in {"readings", "derived"})

    def tally(self, name: str) -> Tally:
        return next(tally for tally in self.tallies if tally.name == name)


def table(verdict: Verdict) -> str:
    """The verdict for people: a line for each kind of thing, then the first examples of each fault."""
    head = ["", "expected", "found", *Kind, "not due", "foreign"]
    rows = [
        [
            tally.name,
            *(
                _figure(number)
                for number in (
                    tally.expected,
                    tally.found,
                    *(tally.faults[kind] for kind in Kind),
                    tally.not_due,
                    tally.foreign,
                )
            ),
        ]
        for tally in verdict.tallies
    ]
    lines = _aligned([head, *rows])
    for tally in verdict.tallies:
        for kind, examples in tally.examples.items():
            left = tally.faults[kind] - len(examples)
            lines += ["", f"{tally.name} {kind}:", *(f"  {example}" for example in examples)]
            lines += [f"  and {_figure(left)} more"] if left else []
    if any(fault != UNTOUCHED for fault, *_ in verdict.fates.rows()):
        found = [[*row[:3], _figure(row[3])] for row in verdict.fates.rows()]
        lines += ["", *_aligned([["what was done to it", "expected", "found", ""], *found], text=3)]
    lines += ["", _ledger_line(verdict)]
    answer = (
        "everything acknowledged is there, exactly once, as it was sent"
        if verdict.sound
        else "the store is NOT what was sent"
    )
    return "\n".join([*lines, "", answer])


def as_json(verdict: Verdict) -> dict[str, object]:
    """The verdict for programs: `sound`, `lost`, `ledger`, each tally with its faults and examples, and `fates`."""
    return {
        "sound": verdict.sound,
        "lost": verdict.lost,
        "ledger": {
            "compared": verdict.no_ledger is None,
            "why_not": verdict.no_ledger,
            "redelivered": verdict.redelivered,
        },
        "tallies": {
            tally.name: {
                "expected": tally.expected,
                "found": tally.found,
                "not_due": tally.not_due,
                "foreign": tally.foreign,
                "faults": {kind.value: tally.faults[kind] for kind in Kind},
                "examples": {kind.value: examples for kind, examples in tally.examples.items()},
            }
            for tally in verdict.tallies
        },
        "fates": [
            {"fault": fault, "expected": expected, "found": found, "count": count}
            for fault, expected, found, count in verdict.fates.rows()
        ],
    }


def _ledger_line(verdict: Verdict) -> str:
    if verdict.no_ledger is not None:
        return f"the ledger was not compared: {verdict.no_ledger}"
    again = f"; {_figure(verdict.redelivered)} deliveries more than were published" if verdict.redelivered else ""
    return f"the ledger was compared{again}"


def _figure(number: int) -> str:
    return f"{number:,}".replace(",", " ") if number else "0"


def _aligned(rows: Sequence[Sequence[str]], text: int = 1) -> list[str]:
    """Columns side by side, the first `text` of them to the left."""
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(width) if n < text else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
