"""Slices of a comparison: ranges of DevEUI that cover every device there is, so that nothing stored is in none."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple


class Part(NamedTuple):
    """Devices from `low` on and below `high` (None: without an end), in the order of their DevEUI as text."""

    number: int
    low: str = ""
    high: str | None = None

    @property
    def whole(self) -> bool:
        """Whether it is all there is."""
        return not self.low and self.high is None

    def has(self, dev_eui: str) -> bool:
        return self.low <= dev_eui and (self.high is None or dev_eui < self.high)


WHOLE = Part(0)


def divide(weights: Mapping[str, int], limit: int) -> list[Part]:
    """Parts of no more than `limit` in weight, where a device alone is not heavier. `weights` by DevEUI."""
    bounds = ["", *_bounds(weights, limit)]
    return [Part(n, low, high) for n, (low, high) in enumerate(zip(bounds, [*bounds[1:], None], strict=True))]


def _bounds(weights: Mapping[str, int], limit: int) -> Iterator[str]:
    filled = 0
    for dev_eui in sorted(weights):
        if filled and filled + weights[dev_eui] > limit:
            yield dev_eui
            filled = 0
        filled += weights[dev_eui]
