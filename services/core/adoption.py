"""Frames kept before their device was known become readings once it is declared, installed and decodable."""

from psycopg import Connection
from psycopg.rows import TupleRow

from services.core.clock import Clock
from services.core.decoder_book import DecoderBook
from services.core.decoding import Decoding, decode_frames
from services.core.domain import PENDING
from services.core.settings import Settings
from services.core.storage.inventory import devices, series_ids
from services.core.storage.queries import load
from services.core.storage.writer import note_batch
from services.core.storage.writer_readings import candidates, write_readings
from services.core.stored_frames import StoredFrame, frames_by_id
from services.core.times import TimeRules


def adopt_pending(
    connection: Connection[TupleRow], clock: Clock, settings: Settings, limit: int, book: DecoderBook
) -> int:
    """Decode at most ``limit`` waiting frames and store what they say, in one transaction; returns how many.

    Call it until it returns 0. What is not finished stays as it was; two at once share the work. Raises psycopg.Error.
    """
    sql = load("adoption")
    with connection.transaction():
        # Not beside a re-decode: what one takes away the other may have a claim to.
        connection.execute(load("decode_runs")["lock_history"])
        waiting = connection.execute(sql["adoptable"], {"decoders": book.ready(), "frames": limit}).fetchall()
        if not waiting:
            return 0
        frames = frames_by_id(connection, [uplink for _, uplink in waiting])
        decoded = _decoded(connection, frames, book, TimeRules.of(settings))
        # A frame that retention has taken meanwhile waits for nothing; one whose device has just changed waits on.
        gone = {uplink for _, uplink in waiting} - {frame.id for frame in frames}
        settled = gone | {frame.id for frame, _ in decoded}
        if decoded:
            _store(connection, decoded, clock)
        pairs = [(dev_eui, uplink) for dev_eui, uplink in waiting if uplink in settled]
        connection.execute(
            sql["remove_pending"],
            {"dev_eui": [dev_eui for dev_eui, _ in pairs], "uplink": [uplink for _, uplink in pairs]},
        )
    return len(pairs)


def _decoded(
    connection: Connection[TupleRow], frames: list[StoredFrame], book: DecoderBook, rules: TimeRules
) -> list[tuple[StoredFrame, Decoding]]:
    known = devices(connection, {frame.timed.dev_eui for frame in frames})
    decodings = decode_frames([(frame.timed, known.get(frame.timed.dev_eui)) for frame in frames], book, rules)
    decoded = zip(frames, decodings, strict=True)
    return [(frame, decoding) for frame, decoding in decoded if decoding.outcome not in PENDING]


def _store(connection: Connection[TupleRow], decoded: list[tuple[StoredFrame, Decoding]], clock: Clock) -> None:
    sql = load("decode_runs")
    now = clock()
    series = series_ids(connection, (value.series for _, decoding in decoded for value in decoding.values))
    written = write_readings(
        connection,
        [
            candidate
            for frame, decoding in decoded
            for candidate in candidates(frame.id, frame.f_cnt, frame.deduplication_id, decoding, series)
        ],
    )
    run = connection.execute(sql["start_run"], {"started_at": now}).fetchone()
    connection.execute(
        sql["note_outcomes"],
        {
            "run": run[0] if run else None,
            "uplink": [frame.id for frame, _ in decoded],
            "outcome": [decoding.outcome.value for _, decoding in decoded],
            "decoder": [decoding.decoder for _, decoding in decoded],
            "reason": [decoding.reason for _, decoding in decoded],
        },
    )
    if written.count:
        note_batch(connection, "adoption", now, (), written)
