"""Names for communes that do not exist, in the manner of those that do."""

from __future__ import annotations

_FIRST = (
    *("Saint-Aubin", "Sainte-Foy", "Saint-Vérand", "Montrevel", "Champlong", "La Valette", "Chavannes", "Saint-Clair"),
    *("Belmont", "Les Ormes", "Fontanès", "Rivière", "Saint-Priest", "Montagny", "Verrières", "La Tour", "Saint-Loup"),
    *("Grandris", "Villechenève", "Les Salles"),
)
_SECOND = (
    *("sur-Vèze", "en-Brenne", "le-Haut", "la-Plaine", "des-Monts", "sous-Bois", "d’Arvieu", "le-Vieux", "sur-Coise"),
    *("les-Mines", "du-Pilon", "en-Jarret", "le-Comte", "aux-Bois", "sur-Anzon", "les-Eaux", "de-Valcros", "la-Roche"),
    *("en-Forestière", "d’Isable"),
)


def commune_name(number: int) -> str:
    """The name of a number; 400 numbers in a row have 400 names."""
    first, second = number % 20, (number // 20 + number % 20 * 7) % 20
    return f"{_FIRST[first]}-{_SECOND[second]}"
