"""What is given to `terroir codec` on its command line: files, payloads and names checked, codecs tried."""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from services.commands.failure import Failure, told

if TYPE_CHECKING:
    from decoders.codec.codec import Codec
    from decoders.codec.mapping import CodecMapping
    from decoders.codec.program import Output, Runner

LARGEST = 1 << 20
"""Bytes of a file that are taken."""


def validated(
    decoder: str, source: str, mapping: "CodecMapping | None", f_port: int | None, payload: str | None
) -> "CodecMapping | None":
    """The mapping, proposed when there is none; refuses a codec that cannot be loaded or does not decode its frame."""
    from decoders.codec.codec import make_codec
    from decoders.codec.mapping import CodecMapping
    from decoders.codec.program import Call
    from decoders.codec.program import Failure as CodecFailure
    from decoders.codec.proposal import propose
    from decoders.codec.reasons import CodecReason

    made = make_codec(decoder, source, mapping or CodecMapping(()))
    with codec_runner() as runner:
        if payload is not None and f_port is not None:
            output = run_codec(runner, made, f_port, payload_of(payload), None)
            return mapping or propose([output.data])
        if made.program is None:
            raise RuntimeError("a codec with a source has a program")
        [ran] = runner.run([Call(made.program, f_port or 1, b"", 0.0)])
    unusable = {CodecReason.SYNTAX_ERROR, CodecReason.NO_ENTRY_POINT, CodecReason.UNAVAILABLE}
    if isinstance(ran, CodecFailure) and ran.reason in unusable:
        raise Failure(f"{ran.reason}: {ran.detail}")
    return mapping


def run_codec(runner: "Runner", codec: "Codec", f_port: int, payload: bytes, at: datetime | None) -> "Output":
    """What the codec makes of the payload. Ends the command with status 1 when that is nothing."""
    from decoders.codec.program import Call, Output
    from decoders.codec.reasons import CodecReason
    from services.core.clock import system_clock

    if codec.program is None:
        raise RuntimeError("a codec with a source has a program")
    [ran] = runner.run([Call(codec.program, f_port, payload, (at or system_clock()).timestamp() * 1000)])
    if isinstance(ran, Output):
        return ran
    if ran.reason is CodecReason.UNAVAILABLE:
        raise Failure(ran.detail)
    click.echo(f"the codec gives nothing: {ran.reason}: {ran.detail}", err=True)
    raise SystemExit(1)


@contextmanager
def codec_runner() -> Generator["Runner"]:
    """Runs codecs; its processes end with the block."""
    from decoders.javascript.pool import CodecPool

    pool = CodecPool()
    try:
        yield pool
    finally:
        pool.close()


def mapping_of(file: Path) -> "CodecMapping":
    """The mapping in a file. Raises Failure."""
    from decoders.codec.mapping_file import MappingError, parse_mapping

    try:
        return parse_mapping(text_of(file))
    except MappingError as error:
        raise Failure(f"{file}: {error}") from error


def text_of(file: Path) -> str:
    """The text in a file, of a size and kind the database takes. Raises Failure."""
    with told(OSError):
        content = file.read_bytes()
    if len(content) > LARGEST:
        raise Failure(f"{file} has {len(content)} bytes, at most {LARGEST} are taken")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Failure(f"{file} is no text in UTF-8: {error}") from error
    if "\0" in text:
        raise Failure(f"{file} is no text: it holds a NUL")
    return text


def payload_of(payload: str) -> bytes:
    """The bytes of a hexadecimal argument. Raises Failure."""
    try:
        return bytes.fromhex(payload)
    except ValueError as error:
        raise Failure(f"the payload is not hexadecimal: {error}") from error


def check_name(name: str) -> None:
    """Raise Failure unless it can name a decoder or a model."""
    import re

    if not re.fullmatch(r"[a-z0-9._-]+/[a-z0-9._-]+", name):
        raise Failure(f"{name} is no vendor/model in small letters, digits and . _ -")


def refuse_ours(decoder: str) -> None:
    """Raise Failure for the name of a decoder of this release."""
    from decoders import get

    if get(decoder) is not None:
        raise Failure(
            f"{decoder} has a decoder of this release; to use a codec in its place give it another name: "
            f"terroir codec add {decoder}-codec ... --model {decoder}"
        )
