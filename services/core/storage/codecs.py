"""Codecs of the database: kept for ever by version, one of each current."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import structlog
from psycopg import Connection
from psycopg.rows import TupleRow, class_row

from decoders.codec.codec import Codec, make_codec
from decoders.codec.mapping import CodecMapping
from decoders.codec.mapping_file import MappingError, mapping_text, parse_mapping
from services.core.storage.queries import load


@dataclass(frozen=True, slots=True)
class CodecVersion:
    """A kept version. ``kind``: "javascript", or "object" where the network server decodes; ``models`` name it now."""

    decoder: str
    version: str
    kind: str
    author: str
    created_at: datetime
    current: bool
    models: list[str]


def codec_versions(connection: Connection[TupleRow], decoder: str | None = None) -> list[CodecVersion]:
    """Every version of every codec, or of one; newest first. Raises psycopg.Error."""
    with connection.cursor(row_factory=class_row(CodecVersion)) as cursor:
        return cursor.execute(load("codecs")["versions"], {"decoder": decoder}).fetchall()


def get_codecs(connection: Connection[TupleRow], wanted: Iterable[tuple[str, str]]) -> list[Codec]:
    """Those of the given (decoder, version) that there are. Raises psycopg.Error."""
    pairs = sorted(set(wanted))
    if not pairs:
        return []
    columns = {"decoders": [decoder for decoder, _ in pairs], "versions": [version for _, version in pairs]}
    rows = connection.execute(load("codecs")["codecs"], columns).fetchall()
    return [codec for row in rows if (codec := _codec(*row)) is not None]


def _codec(decoder: str, version: str, source: str | None, mapping: str) -> Codec | None:
    try:
        made = make_codec(decoder, source, parse_mapping(mapping))
    except MappingError as error:
        # Checked when it was added, by a release with another vocabulary. Its frames wait; the others must not.
        structlog.get_logger().error("codec_unreadable", decoder=decoder, version=version, error=str(error))
        return None
    if made.version == version:
        return made
    # The vocabulary or the format of mappings has moved since: the version under which it was kept is its name.
    label = f"{decoder}@{version}"
    program = None if made.program is None else replace(made.program, label=label)
    return replace(made, version=version, label=label, program=program)


def add_codec(
    connection: Connection[TupleRow],
    decoder: str,
    source: str | None,
    mapping: CodecMapping,
    author: str,
    models: Iterable[str],
    now: datetime,
) -> Codec:
    """Keep a codec and let it decode the frames of the models from now on, in one transaction. Raises psycopg.Error."""
    codec = make_codec(decoder, source, mapping)
    sql = load("codecs")
    row = {
        "decoder": decoder,
        "version": codec.version,
        "kind": "object" if source is None else "javascript",
        "source": source,
        "mapping": mapping_text(mapping),
        "author": author,
        "now": now,
    }
    with connection.transaction():
        connection.execute(sql["add"], row)
        connection.execute(sql["choose"], row)
        connection.execute(sql["use_for_models"], {"decoder": decoder, "models": sorted(set(models))})
    return codec


def retire_codec(connection: Connection[TupleRow], decoder: str) -> bool:
    """Let no version of it decode any more; False when none does. Raises psycopg.Error."""
    return connection.execute(load("codecs")["retire"], {"decoder": decoder}).rowcount > 0


class CodecShelf:
    """The current codecs in memory: asked for anew each time, fetched only where a version changed."""

    def __init__(self) -> None:
        self._codecs: dict[str, Codec] = {}

    def refresh(self, connection: Connection[TupleRow]) -> Mapping[str, Codec]:
        """The current codecs by decoder id. Raises psycopg.Error; ``codecs`` stay as they were then."""
        current = dict(connection.execute(load("codecs")["current_versions"]).fetchall())
        kept = {codec.decoder: codec for codec in self._codecs.values() if current.get(codec.decoder) == codec.version}
        fetched = get_codecs(connection, current.items() - {(codec.decoder, codec.version) for codec in kept.values()})
        self._codecs = kept | {codec.decoder: codec for codec in fetched}
        return self._codecs
