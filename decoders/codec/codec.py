"""A codec with its mapping: a decoder that came from outside."""

import json
from dataclasses import dataclass
from hashlib import sha256

from decoders.codec.mapping import CodecMapping
from decoders.codec.mapping_file import mapping_text
from decoders.codec.program import Program

VERSION_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Codec:
    """`decoder` is the id that device models name, `label` is "id@version" as uplinks record it.

    `program` is None where the network server decodes and only the mapping is ours.
    """

    decoder: str
    version: str
    label: str
    mapping: CodecMapping
    program: Program | None


def make_codec(decoder: str, source: str | None, mapping: CodecMapping) -> Codec:
    """With its version: the first digits of SHA-256 over source and mapping."""
    digest = sha256(b"object" if source is None else b"javascript\0" + source.encode())
    digest.update(b"\0" + mapping_text(mapping).encode())
    version = digest.hexdigest()[:VERSION_DIGITS]
    label = f"{decoder}@{version}"
    program = None if source is None else Program(label, source, json.dumps(dict(mapping.variables)))
    return Codec(decoder, version, label, mapping, program)
