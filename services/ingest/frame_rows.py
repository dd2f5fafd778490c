"""Uplinks, decoded and numbered, as the writer takes them: the same for what has just come and for a replay."""

from collections.abc import Sequence

from msgspec.structs import replace

from services.core.decoder_book import DecoderBook
from services.core.decoding import Device, decode_uplinks
from services.core.domain import Uplink
from services.core.storage.writer_types import FrameRow
from services.core.times import TimeRules
from services.core.uplink_id import UplinkIds
from services.ingest.chirpstack_object import object_json, tts_object_json
from services.ingest.chirpstack_topic import POSTED_TTS
from services.ingest.parsing import Parser
from services.ingest.source import Message


def frame_rows(
    received: Sequence[tuple[Message, Uplink, Device | None]],
    parser: Parser,
    book: DecoderBook,
    ids: UplinkIds,
    rules: TimeRules,
) -> list[FrameRow]:
    """In the order of ``received``; a device is None when nobody declared it. Raises psycopg.Error (for an id)."""
    wanting = [
        (replace(uplink, object_json=_object(message, parser)), device)
        if device is None or book.wants_object(device.decoder)
        else (uplink, device)
        for message, uplink, device in received
    ]
    decodings = decode_uplinks(wanting, book, rules)
    return [
        FrameRow(ids.next(uplink.received_at), uplink, decoding)
        for (uplink, _), decoding in zip(wanting, decodings, strict=True)
    ]


def _object(message: Message, parser: Parser) -> str | None:
    """What the network server made of the frame, as JSON."""
    if message.topic.startswith(POSTED_TTS):
        return tts_object_json(message.body)
    return object_json(message.body, parser.encoding(message))
