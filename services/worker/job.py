"""What a job is: a name, a rhythm, and one bounded step of work."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from psycopg import Connection
from psycopg.rows import TupleRow

from decoders.codec.program import Runner
from services.core.clock import Clock
from services.core.settings import Settings
from services.core.storage.codecs import CodecShelf


class Progress(StrEnum):
    """How a step ended, as counted in the metrics."""

    IDLE = "idle"  # there was nothing to do
    DONE = "done"  # there was, and it is done
    MORE = "more"  # some of it is done: call again at once
    NOT_NEEDED = "not_needed"  # this server needs nobody to do it


@dataclass(frozen=True, slots=True)
class Context:
    """What a step works with. ``connection`` is in autocommit: a step opens its own transactions.

    ``codecs`` remembers those of the database, ``runner`` runs them.
    """

    connection: Connection[TupleRow]
    clock: Clock
    settings: Settings
    runner: Runner | None = None
    codecs: CodecShelf = field(default_factory=CodecShelf)


@dataclass(frozen=True, slots=True)
class Job:
    """Work done by the clock, by one worker at a time.

    ``step`` does a bounded amount (a few seconds) and may be killed at any moment: what it commits must be whole. What
    it raises ends the worker, except trouble with the store, after which it is called again.
    ``interval``: how long after an idle step the next follows; None: the setting ``worker_interval``. A NOTIFY on one
    of ``channels`` shortens that, but never below ``rest``, nor below ``leisure`` times what the step took: where each
    step has to do again what the last one did, fewer and larger ones leave more of the machine to others.
    ``consumer``: the name under which the job reads the feed, known before any job runs, so that none prunes what this
    one has still to read.
    """

    name: str
    step: Callable[[Context], Progress]
    interval: timedelta | None = None
    channels: frozenset[str] = frozenset()
    rest: timedelta = timedelta(0)
    leisure: float = 0.0
    consumer: str | None = None
