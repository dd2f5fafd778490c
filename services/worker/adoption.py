"""Frames kept before their device was declared, installed or decodable become readings when it is."""

from datetime import timedelta

from services.core.adoption import adopt_pending
from services.core.decoder_book import DecoderBook
from services.worker.job import Context, Job, Progress

FRAMES = 500
"""Frames decoded in one transaction."""


def step(context: Context) -> Progress:
    """Adopt the next waiting frames, if there are any."""
    book = DecoderBook(context.codecs.refresh(context.connection), context.runner)
    adopted = adopt_pending(context.connection, context.clock, context.settings, FRAMES, book)
    return Progress.MORE if adopted else Progress.IDLE


# The inventory says when it has changed. Looked at now and then all the same: a frame may have been stored as unknown a
# moment after its device was declared.
ADOPTION = Job("adoption", step, interval=timedelta(seconds=30), channels=frozenset({"terroir_inventory"}))
