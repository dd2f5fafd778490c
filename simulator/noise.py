"""Seeded randomness that needs no history: every number is a pure function of a seed and a position.

`Smooth` is value noise (Perlin's lattice idea with values instead of gradients): normal values at
regular knots, joined by the cubic 3f² - 2f³. `Draws` hands out numbers of one BLAKE2b stream.
"""

from __future__ import annotations

import math
import struct
from hashlib import blake2b

_MASK = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15
_ROOT3 = math.sqrt(3.0)
_WORDS = struct.Struct("<8Q")
_LANE, _LANES = 0xFFFFFFFF, 0x0000FFFF0000FFFF


def seed_of(*parts: str | int) -> int:
    """A 64-bit seed that depends on every part and on their order."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")


def mix(seed: int, n: int) -> int:
    """64 well mixed bits for position `n` (splitmix64, Steele, Lea and Flood 2014)."""
    x = (seed + (n + 1) * _GOLDEN) & _MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _MASK
    return x ^ (x >> 31)


def unit(seed: int, n: int) -> float:
    """Uniform in [0, 1)."""
    return (mix(seed, n) >> 11) * 2.0**-53


def normal(seed: int, n: int) -> float:
    """Mean 0, deviation 1, within ±3.5: the sum of four uniforms (Irwin-Hall)."""
    x = mix(seed, n)
    x = (x & _LANES) + (x >> 16 & _LANES)  # four uniforms of 16 bits added two by two
    return (((x & _LANE) + (x >> 32)) / 65536.0 - 2.0) * _ROOT3


class Smooth:
    """A continuous curve with mean 0 and deviation about 0.86 that changes over `period` seconds."""

    __slots__ = ("_knot", "_left", "_period", "_right", "_seed")

    def __init__(self, seed: int, period: float) -> None:
        self._seed = seed
        self._period = period
        self._knot: int | None = None
        self._left = 0.0
        self._right = 0.0

    def __call__(self, t: float) -> float:
        position = t / self._period
        knot = math.floor(position)
        known = self._knot
        if knot != known:
            self._left = self._right if known is not None and knot == known + 1 else normal(self._seed, knot)
            self._right = normal(self._seed, knot + 1)
            self._knot = knot
        f = position - knot
        return self._left + (self._right - self._left) * f * f * (3.0 - 2.0 * f)


class Draws:
    """Random numbers in sequence for one occasion (a frame, a join): same seed and occasion, same numbers."""

    __slots__ = ("_block", "_key", "_left", "_occasion")

    def __init__(self, seed: int, occasion: int) -> None:
        self._key = seed.to_bytes(8, "little")
        self._occasion = occasion
        self._block = 0
        self._left: list[int] = []

    def _more(self) -> list[int]:
        text = b"%d/%d" % (self._occasion, self._block)
        self._left = left = list(_WORDS.unpack(blake2b(text, digest_size=64, key=self._key).digest()))
        self._block += 1
        return left

    def bits(self) -> int:
        """64 bits."""
        return (self._left or self._more()).pop()

    def unit(self) -> float:
        """Uniform in [0, 1)."""
        return ((self._left or self._more()).pop() >> 11) * 2.0**-53

    def below(self, n: int) -> int:
        """An integer in [0, n)."""
        return (self._left or self._more()).pop() % n

    def normal(self) -> float:
        """Mean 0, deviation 1, within ±3.5."""
        x = (self._left or self._more()).pop()
        x = (x & _LANES) + (x >> 16 & _LANES)
        return (((x & _LANE) + (x >> 32)) / 65536.0 - 2.0) * _ROOT3
