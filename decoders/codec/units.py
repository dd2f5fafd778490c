"""Conversion between UCUM units that vendor codecs give and those of our vocabulary.

Factors are exact by definition: the SI Brochure (9th edition, with its table 8), and for feet, inches, miles, gallons
and degrees Fahrenheit NIST Special Publication 811, appendix B. Codes: UCUM 2.1, case sensitive.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


class UnitError(ValueError):
    """No conversion is known; the message says from what to what, and what there is."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """value in the target unit = value * factor + offset"""

    factor: float
    offset: float = 0.0

    def __call__(self, value: float) -> float:
        return value * self.factor + self.offset


UNCHANGED = Conversion(1.0)


def _linear(**dimensions: dict[str, float]) -> dict[str, tuple[str, float, float]]:
    return {unit: (dimension, factor, 0.0) for dimension, units in dimensions.items() for unit, factor in units.items()}


# Unit -> (dimension, factor, offset): value in the dimension's base unit = value * factor + offset.
_UNITS: Mapping[str, tuple[str, float, float]] = MappingProxyType(
    {
        "K": ("temperature", 1.0, 0.0),
        "Cel": ("temperature", 1.0, 273.15),
        "[degF]": ("temperature", 5 / 9, 459.67 * 5 / 9),
        **_linear(
            pressure={
                "Pa": 1.0,
                "hPa": 100.0,
                "kPa": 1e3,
                "MPa": 1e6,
                "bar": 1e5,
                "mbar": 100.0,
                "[psi]": 6894.757293168362,
                "mm[Hg]": 133.322387415,
                "m[H2O]": 9806.65,
            },
            length={
                "nm": 1e-9,
                "um": 1e-6,
                "mm": 1e-3,
                "cm": 1e-2,
                "dm": 0.1,
                "m": 1.0,
                "km": 1e3,
                "[in_i]": 0.0254,
                "[ft_i]": 0.3048,
                "[mi_i]": 1609.344,
            },
            volume={
                "mL": 1e-6,
                "cL": 1e-5,
                "dL": 1e-4,
                "L": 1e-3,
                "hL": 0.1,
                "m3": 1.0,
                "dm3": 1e-3,
                "cm3": 1e-6,
                "[gal_us]": 0.003785411784,
                "[cft_i]": 0.028316846592,
            },
            volume_flow={
                "m3/s": 1.0,
                "m3/h": 1 / 3600,
                "L/s": 1e-3,
                "L/min": 1e-3 / 60,
                "L/h": 1e-3 / 3600,
                "mL/h": 1e-6 / 3600,
                "[gal_us]/min": 0.003785411784 / 60,
            },
            energy={
                "J": 1.0,
                "kJ": 1e3,
                "MJ": 1e6,
                "GJ": 1e9,
                "W.h": 3600.0,
                "kW.h": 3.6e6,
                "MW.h": 3.6e9,
            },
            reactive_energy={"var.h": 1.0, "kvar.h": 1e3, "Mvar.h": 1e6},
            power={"mW": 1e-3, "W": 1.0, "kW": 1e3, "MW": 1e6},
            reactive_power={"var": 1.0, "kvar": 1e3},
            apparent_power={"V.A": 1.0, "kV.A": 1e3},
            voltage={"uV": 1e-6, "mV": 1e-3, "V": 1.0, "kV": 1e3},
            current={"uA": 1e-6, "mA": 1e-3, "A": 1.0},
            charge={"mA.h": 1e-3, "A.h": 1.0},
            speed={"m/s": 1.0, "km/h": 1 / 3.6, "[mi_i]/h": 0.44704, "[kn_i]": 1852 / 3600, "cm/s": 0.01},
            slow_speed={"cm/h": 1.0, "mm/h": 0.1},
            fraction={"%": 0.01, "[ppth]": 1e-3, "[ppm]": 1e-6, "[ppb]": 1e-9},
            concentration={"ng/m3": 1e-3, "ug/m3": 1.0, "mg/m3": 1e3, "g/m3": 1e6},
            conductivity={"uS/cm": 1.0, "mS/cm": 1e3, "S/m": 1e4, "mS/m": 10.0, "dS/m": 1e3},
            angle={"deg": 1.0, "rad": 57.29577951308232},
            time={"ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0},
            mass={"mg": 1e-3, "g": 1.0, "kg": 1e3, "t": 1e6},
            frequency={"mHz": 1e-3, "Hz": 1.0, "kHz": 1e3, "MHz": 1e6},
            irradiance={"mW/cm2": 10.0, "W/m2": 1.0},
            illuminance={"lx": 1.0, "klx": 1e3},
            acceleration={"[g]": 9.80665, "m/s2": 1.0, "m[g]": 0.00980665},
            sound={"dB": 1.0, "dB[SPL]": 1.0},
        ),
    }
)


def conversion(source: str, target: str) -> Conversion:
    """From one unit to another. Raises UnitError.

    "1" converts to "%" (a share of one), and to nothing else.
    """
    if source == target:
        return UNCHANGED
    if (source, target) == ("1", "%"):
        return Conversion(100.0)
    if target not in _UNITS or source not in _UNITS or _UNITS[source][0] != _UNITS[target][0]:
        known = sorted(u for u, (kind, *_) in _UNITS.items() if target in _UNITS and kind == _UNITS[target][0])
        raise UnitError(f"{source!r} does not convert to {target!r}; what does: {', '.join(known) or target}")
    _, factor, offset = _UNITS[source]
    _, divisor, shift = _UNITS[target]
    return Conversion(factor / divisor, (offset - shift) / divisor)
