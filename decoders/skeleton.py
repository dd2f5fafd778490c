"""The first two files of a new decoder: a module that refuses every frame, and vectors to be filled in.

As written they make the test suite fail, naming what is missing: nothing half done can pass for a decoder.
"""

import json
import keyword
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")

MODULE = '''"""{title}: say in one line what it measures.

    Draw the frame here: offset, size, sign, byte order and unit of every field.

End with the word Source, a colon and the vendor's document. How to write a decoder: docs/decoders/adding.md.
"""

from decoders.frame import Decoded, DecodeError, Decoder, Frame, Reason


def decode(frame: Frame) -> Decoded:
    """Decode a frame. Until this is written, every frame is refused."""
    size, port = len(frame.payload), frame.f_port
    raise DecodeError(Reason.UNKNOWN_TYPE, f"{id} is not written yet ({{size}} bytes on port {{port}})")


DECODER = Decoder(
    model="{id}",
    version="1",
    vendor="{vendor}",
    name="{name}",
    themes=(),
    quantities=frozenset(),
    document="",
    decode=decode,
)
'''


class WrongNameError(ValueError):
    """Such a model cannot be begun: the text says why."""


class Skeleton(NamedTuple):
    """The model's id, and what to write where: text by path."""

    model: str
    files: Mapping[Path, str]


def skeleton(root: Path, vendor: str, model: str) -> Skeleton:
    """The files that begin `decoders/<vendor>/<model>.py` in the checkout at `root`.

    Raises `WrongNameError` for names that are not lower-case words joined by hyphens, names that cannot be
    modules, models that exist, and trees without `tests/decoders/vectors`.
    """
    for what, name in (("vendor", vendor), ("model", model)):
        if not NAME.fullmatch(name):
            raise WrongNameError(f"{what} {name!r}: lower-case letters, digits and single hyphens, a letter first")
        if keyword.iskeyword(name):
            raise WrongNameError(f"{what} {name!r} is a word of Python and cannot name a module")
    vectors = root / "tests" / "decoders" / "vectors"
    if not vectors.is_dir():
        raise WrongNameError(f"{root} is no checkout of the sources: there is no {vectors}")
    folder = root / "decoders" / vendor.replace("-", "_")
    if folder.name == "vocabulary" or folder.with_suffix(".py").exists():
        raise WrongNameError(f"vendor {vendor!r}: decoders has a module of that name for another purpose")
    module, vector_file = folder / f"{model.replace('-', '_')}.py", vectors / f"{vendor}-{model}.json"
    for path in (module, vector_file):
        if path.exists():
            raise WrongNameError(f"{path.relative_to(root)} exists already; choose another name or edit it")
    title = vendor.replace("-", " ").title()
    files = {
        module: MODULE.format(
            id=f"{vendor}/{model}", title=f"{title} {model.upper()}", vendor=title, name=model.upper()
        ),
        vector_file: json.dumps({"model": f"{vendor}/{model}", "document": "", "vectors": [], "refused": []}, indent=1)
        + "\n",
    }
    if not (folder / "__init__.py").exists():
        files[folder / "__init__.py"] = f'"""{title}."""\n'
    return Skeleton(f"{vendor}/{model}", files)
