"""Words of scenario files that the reader gives a meaning: durations and addresses."""

from __future__ import annotations

from typing import NewType

Seconds = NewType("Seconds", int)
"""A duration, written `15m`, `6h`, `1d`."""

Eui = NewType("Eui", str)
"""Sixteen lower-case hexadecimal digits."""
