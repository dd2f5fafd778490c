"""Draws what the simulator's world does, theme by theme, into docs/images/simulator: `make plots`.

The same seed and place as the scenario `village`, so that a picture shows what its devices would measure.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from PIL import Image
from plots import meters, nature, town

from simulator.sampling.world import World
from simulator.scenario.load import load

FOLDER = Path(__file__).parent / "images" / "simulator"
DRAWN: dict[str, Callable[[World], Figure]] = {
    "air": town.air,
    "waste": town.waste,
    "water": meters.water,
    "parking": town.parking,
    "energy": meters.energy,
    "trees": nature.trees,
    "soil": nature.soil,
    "recycling": town.recycling,
    "weather": nature.sky,
}


def main() -> None:
    scenario = load("village")
    gateway = scenario.gateways[0]
    FOLDER.mkdir(parents=True, exist_ok=True)
    plt.rcParams.update({"font.size": 8, "savefig.dpi": 80})
    for name, draw in DRAWN.items():
        world = World(scenario.seed, gateway.latitude, gateway.longitude, gateway.altitude)
        drawn = draw(world)
        path = FOLDER / f"{name}.png"
        drawn.savefig(path)
        plt.close(drawn)
        with Image.open(path) as picture:
            few = picture.convert("RGB").quantize(48)
        few.save(path, optimize=True)


if __name__ == "__main__":
    main()
