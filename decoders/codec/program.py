"""What is handed to whoever runs codecs, and what comes back."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

from decoders.codec.reasons import CodecReason

Json = bool | float | int | str | Sequence["Json"] | Mapping[str, "Json"] | None
"""Text that begins with NUL stands for what JSON has no word for: "\\0NaN", "\\0-Infinity", "\\0function"."""


@dataclass(frozen=True, slots=True)
class Program:
    """A codec's source. `label` ("id@version") is unique to source and variables, which are a JSON object as text."""

    label: str
    source: str
    variables: str = "{}"


@dataclass(frozen=True, slots=True)
class Call:
    """A frame for a codec; `milliseconds`: when the network heard it, Unix time."""

    program: Program
    f_port: int
    payload: bytes
    milliseconds: float


@dataclass(frozen=True, slots=True)
class Output:
    """What a codec made of a frame: what TS013 calls `data`, and its warnings."""

    data: Mapping[str, Json]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no output; `detail` is for the reader."""

    reason: CodecReason
    detail: str


Ran = Output | Failure


class Runner(Protocol):
    """Runs codecs, somewhere they can do no harm."""

    def run(self, calls: Sequence[Call]) -> list[Ran]:
        """The answers in the order of the calls. Raises nothing."""
        ...

    def suspended(self, codec: str) -> bool:
        """Whether calls of that codec (its label) would be refused at once."""
        ...


def read_answer(said: str) -> Ran:
    """The answer of a process that runs codecs: "+warnings, data" or "-reason, detail", two lines."""
    first, _, rest = said[1:].partition("\n")
    if said[:1] != "+":
        try:
            return Failure(CodecReason(first), rest)
        except ValueError:
            return Failure(CodecReason.THREW, f"{first} {rest}".strip())
    try:
        warnings: object = json.loads(first)
        data: object = json.loads(rest)
    except (ValueError, RecursionError) as error:
        return Failure(CodecReason.NOT_JSON, str(error))
    if not isinstance(data, dict) or not isinstance(warnings, list):
        return Failure(CodecReason.NO_OBJECT, "its output is no object")
    texts = cast("list[object]", warnings)
    return Output(cast("Mapping[str, Json]", data), tuple(str(text) for text in texts))
