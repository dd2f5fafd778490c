"""Every job of the worker. A new one is a module with its ``Job``, and a line here."""

from services.worker.adoption import ADOPTION
from services.worker.job import Job
from services.worker.ledger import LEDGER
from services.worker.pruning import PRUNING
from services.worker.redecoding import REDECODING
from services.worker.rollups import ROLLUPS

JOBS: tuple[Job, ...] = (
    ROLLUPS,
    ADOPTION,
    LEDGER,
    REDECODING,
    PRUNING,
)
