"""What ChirpStack's own codec made of a frame: read only where we have no decoder, so apart from the other fields."""

import json
from math import isfinite

import msgspec
from chirpstack_api import integration
from google.protobuf.message import DecodeError
from google.protobuf.struct_pb2 import Struct, Value
from msgspec import UNSET, UnsetType

from services.ingest.parsing import Encoding
from services.ingest.tts_json import decoded_payload

Plain = bool | float | int | str | list["Plain"] | dict[str, "Plain"] | None


class _Up(msgspec.Struct):
    object: dict[str, msgspec.Raw] | UnsetType | None = UNSET


_up = msgspec.json.Decoder(_Up)


def object_json(body: bytes, encoding: Encoding) -> str | None:
    """The event's ``object`` as JSON that PostgreSQL takes, or None when it has none or it cannot be kept.

    Not-a-number and infinities become null, NUL the replacement character.
    """
    try:
        plain = _from_json(body) if encoding == "json" else _from_protobuf(body)
        return None if plain is None else json.dumps(_storable(plain), ensure_ascii=False, allow_nan=False)
    except (msgspec.MsgspecError, DecodeError, ValueError, RecursionError):
        return None


def tts_object_json(body: bytes) -> str | None:
    """``decoded_payload`` of an uplink of The Things Stack, likewise."""
    try:
        plain = decoded_payload(body)
        return None if plain is None else json.dumps(_storable(plain), ensure_ascii=False, allow_nan=False)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def _from_json(body: bytes) -> dict[str, Plain] | None:
    found = _up.decode(body).object
    if found is None or found is UNSET:
        return None
    return {name: msgspec.json.decode(raw) for name, raw in found.items()}


def _from_protobuf(body: bytes) -> dict[str, Plain] | None:
    up = integration.UplinkEvent.FromString(body)
    return _fields(up.object) if up.HasField("object") else None


def _fields(struct: Struct) -> dict[str, Plain]:
    return {name: _plain(value) for name, value in struct.fields.items()}


def _plain(value: Value) -> Plain:
    match value.WhichOneof("kind"):
        case "number_value":
            return value.number_value
        case "string_value":
            return value.string_value
        case "bool_value":
            return value.bool_value
        case "struct_value":
            return _fields(value.struct_value)
        case "list_value":
            return [_plain(item) for item in value.list_value.values]
        case _:
            return None


def _storable(plain: Plain) -> Plain:
    match plain:
        case str():
            return plain.replace("\0", "\N{REPLACEMENT CHARACTER}")
        case float():
            return plain if isfinite(plain) else None
        case list():
            return [_storable(item) for item in plain]
        case dict():
            return {name.replace("\0", "\N{REPLACEMENT CHARACTER}"): _storable(item) for name, item in plain.items()}
        case _:
            return plain
