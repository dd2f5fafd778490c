"""A message becomes an uplink, a device event, or a rejection with its reason. Nothing else, whatever the bytes are."""

from typing import Literal

import structlog

from services.core.domain import DeviceEvent, Rejected, Uplink
from services.core.idempotency import rejected_key
from services.core.times import TimeRules
from services.ingest import chirpstack_json, chirpstack_protobuf, tts_json
from services.ingest.chirpstack_checks import TEXT_LENGTH, checked_event, checked_uplink, storable
from services.ingest.chirpstack_topic import POSTED_TTS, REMEMBERED, EventTopic, TopicFilter, carried
from services.ingest.rejection import Reason, RejectionError
from services.ingest.source import Message

Parsed = Uplink | DeviceEvent | Rejected
Encoding = Literal["json", "protobuf"]

BODY_LIMIT = 1 << 20
"""Bytes. ChirpStack's largest events, with the decoding of a file in ``object``, stay below a tenth of it."""

CRASHES_PER_STORY = 1000
"""Of so many crashes of a parser one is told with its traceback; all of them are counted."""

EVENTS = frozenset({"join", "ack", "txack", "log", "status", "location"})

_log = structlog.get_logger(__name__)


class Parser:
    """Parses messages; ``encoding`` as in the settings, ``source`` is what uplinks say of where they came from."""

    def __init__(
        self,
        topics: TopicFilter,
        encoding: Literal["auto", "json", "protobuf"],
        rules: TimeRules,
        source: str = "mqtt",
    ) -> None:
        self.source = source
        self._topics = topics
        self._encoding: Literal["auto", "json", "protobuf"] = encoding
        self._rules = rules
        self._crashes = 0

    def parse(self, message: Message) -> Parsed:
        try:
            return self._parsed(message)
        except RejectionError as refusal:
            return rejected(message, refusal.reason, refusal.detail, self.source)
        except Exception as error:  # noqa: BLE001  an error of ours must cost this message only, not stop the traffic
            # A release that crashes on everything must not fill the log with the same story.
            if self._crashes % CRASHES_PER_STORY == 0:
                _log.exception("parser_crashed", topic=message.topic, crashes_before=self._crashes)
            self._crashes += 1
            return rejected(message, Reason.PARSER_CRASHED, repr(error), self.source)

    def encoding(self, message: Message) -> Encoding:
        """The one that is set, or the one it looks like. Raises RejectionError."""
        if message.topic.startswith(REMEMBERED):
            return "protobuf"
        return sniff(message.body) if self._encoding == "auto" else self._encoding

    def _parsed(self, message: Message) -> Uplink | DeviceEvent:
        body = message.body
        topic = carried(message.topic) or self._topics.parse(message.topic)
        if topic is None:
            raise RejectionError(Reason.UNEXPECTED_TOPIC, "not a topic of device events")
        if topic.event != "up" and topic.event not in EVENTS:
            raise RejectionError(Reason.UNKNOWN_EVENT, f"event {topic.event[:40]!r}")
        if len(body) > BODY_LIMIT:
            raise RejectionError(Reason.TOO_LARGE, f"{len(body)} bytes, of which {BODY_LIMIT} are kept")
        if message.topic.startswith(POSTED_TTS):
            return self._parsed_tts(message, topic)
        encoding = self.encoding(message)
        source = chirpstack_json if encoding == "json" else chirpstack_protobuf
        if topic.event == "up":
            return checked_uplink(source.parse_up(body), topic, message.received_at, self._rules, self.source)
        other = source.parse_other(topic.event, body)
        return checked_event(other, topic, message.topic, message.received_at, encoding, body, self._rules)

    def _parsed_tts(self, message: Message, topic: EventTopic) -> Uplink | DeviceEvent:
        body, at = message.body, message.received_at
        if topic.event == "up":
            return checked_uplink(tts_json.parse_up(body), topic, at, self._rules, self.source)
        if topic.event != "join":
            raise RejectionError(Reason.UNKNOWN_EVENT, f"event {topic.event[:40]!r} of The Things Stack")
        return checked_event(tts_json.parse_join(body), topic, message.topic, at, "json", body, self._rules)


def sniff(body: bytes) -> Encoding:
    """Which encoding a body is in: ChirpStack's JSON begins with ``{``, its protobuf with field 1 or 2."""
    if not body:
        raise RejectionError(Reason.EMPTY_BODY, "a message without content")
    if body[0] == 0x7B:
        return "json"
    if body[0] in {0x0A, 0x08, 0x12}:
        return "protobuf"
    raise RejectionError(
        Reason.UNKNOWN_ENCODING, f"begins with 0x{body[0]:02x}: neither JSON nor protobuf of ChirpStack"
    )


def rejected(message: Message, reason: Reason, detail: str, source: str) -> Rejected:
    """The message for the quarantine, as received up to ``BODY_LIMIT``."""
    return Rejected(
        key=rejected_key(message.topic, message.body),
        received_at=message.received_at,
        topic=storable(message.topic, TEXT_LENGTH),
        reason=reason.value,
        detail=storable(detail, TEXT_LENGTH),
        body=message.body[:BODY_LIMIT],
        source=source,
    )
