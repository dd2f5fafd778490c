"""Python's collector of cycles, kept from walking the whole territory again and again.

What a run makes, it makes by the million and lets go of at once, without cycles: reference counts free it.
"""

from __future__ import annotations

import gc
from collections.abc import Generator
from contextlib import contextmanager

_YOUNG = 50_000


@contextmanager
def seldom_collecting() -> Generator[None]:
    """Leaves what is there now out of collections, and collects seldom; afterwards as before."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(_YOUNG, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
