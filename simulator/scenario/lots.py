"""Devices of one kind at one site, and what they are for.

Addresses are made from the maker's first six digits and forty bits of the names, so that tens of thousands of one
model stay apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from simulator.catalogue import MODELS
from simulator.noise import seed_of, unit
from simulator.scenario.model import DeviceSpec, Eui, Model, PointSpec, Seconds, Theme

MINUTE, HOUR = 60, 3600


class Lot(NamedTuple):
    """One site of a kind: its title and number, how many points it has, its seed and since when they are there."""

    title: str
    number: int
    points: int
    seed: int
    fitted: datetime


@dataclass(frozen=True, slots=True)
class Use:
    """What devices of a kind are for: theme, purpose, dB that walls or covers take, of persons or not."""

    theme: Theme
    purpose: str
    loss: float
    personal: bool = False

    def point(
        self, lot: Lot, name: str, model: Model, interval: int, mounting_height: int | None = None, **looks_at: Any
    ) -> PointSpec:
        """A point of a lot; `interval` in seconds, `mounting_height` in mm, `looks_at` what its model looks at."""
        device = DeviceSpec(
            model=model,
            interval=Seconds(interval),
            installed_at=lot.fitted,
            dev_eui=Eui(f"{MODELS[model].eui_prefix[:6]}{seed_of(lot.seed, name) & 0xFFFFFFFFFF:010x}"),
            building_loss=self.loss,
            mounting_height=mounting_height,
        )
        return PointSpec(
            name=f"{lot.title}, {name}" if name else lot.title,
            theme=self.theme,
            purpose=self.purpose,
            device=device,
            privacy="personal" if self.personal else "none",
            published=not self.personal,
            **looks_at,
        )


def between(seed: int, n: int, low: float, high: float, digits: int = 0) -> float:
    """Between two bounds, by the seed, rounded."""
    return round(low + (high - low) * unit(seed, n), digits)
