"""Every decoder we have, found by its place: `decoders/<vendor>/<model>.py` with a `DECODER` in it.

Nothing is imported before the first question is asked. Modules without a `DECODER` are the tables and
routines that a vendor's models share.
"""

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

import decoders
from decoders.frame import Decoder

NO_VENDORS = frozenset({"codec", "javascript", "vocabulary"})
"""Packages beside those of vendors."""


def get(model: str) -> Decoder | None:
    """The decoder of a model such as "milesight/am300", or None when there is none."""
    return _registry().get(model)


def all_decoders() -> tuple[Decoder, ...]:
    """Every decoder, in the order of its model id."""
    return tuple(_registry().values())


def model_of(module: str) -> str:
    """The model id that belongs to a module path: "decoders.milesight.am300" -> "milesight/am300"."""
    _, vendor, model = module.split(".")
    return f"{vendor}/{model}".replace("_", "-")


@cache
def _registry() -> Mapping[str, Decoder]:
    found: dict[str, Decoder] = {}
    for vendor in pkgutil.iter_modules(decoders.__path__, f"{decoders.__name__}."):
        if not vendor.ispkg or vendor.name.partition(".")[2] in NO_VENDORS:
            continue
        package = importlib.import_module(vendor.name)
        for module in pkgutil.iter_modules(package.__path__, f"{vendor.name}."):
            decoder = getattr(importlib.import_module(module.name), "DECODER", None)
            if decoder is None:
                continue
            if not isinstance(decoder, Decoder) or decoder.model != model_of(module.name):
                raise TypeError(f"{module.name}: DECODER must be a Decoder whose model is {model_of(module.name)!r}")
            found[decoder.model] = decoder
    return MappingProxyType(dict(sorted(found.items())))
