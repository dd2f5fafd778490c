"""What a counter's increase is called: a chart of consumption is not headed by the name of an index."""

from collections.abc import Mapping
from types import MappingProxyType

from services.api.markup.language import Language

INCREASES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "precipitation_total": ("Pluie", "Rain"),
        "water_volume_total": ("Consommation d'eau", "Water consumption"),
        "water_volume_reverse_total": ("Retours d'eau", "Reverse flow"),
        "pulse_count_total": ("Impulsions", "Pulses"),
        "gas_volume_total": ("Consommation de gaz", "Gas consumption"),
        "energy_active_total": ("Énergie active", "Active energy"),
        "energy_reactive_total": ("Énergie réactive", "Reactive energy"),
        "charge_total": ("Charge électrique", "Electric charge"),
        "thermal_energy_total": ("Énergie thermique", "Heat energy"),
        "cooling_energy_total": ("Énergie frigorifique", "Cooling energy"),
        "people_in_total": ("Entrées", "People in"),
        "people_out_total": ("Sorties", "People out"),
        "vehicle_count_total": ("Véhicules", "Vehicles"),
        "bicycle_count_total": ("Vélos", "Bicycles"),
    }
)
"""Names in French and English by quantity. A test holds them against the vocabulary's counters."""


def increase_of(quantity: str, label: str, language: Language) -> str:
    """The name of what this counter counts in a period; ``label`` where there is none."""
    names = INCREASES.get(quantity)
    if names is None:
        return label
    return names[0] if language is Language.FR else names[1]
