"""What a quantity is: a code, one unit for ever, a plausible range, and its names elsewhere."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """How successive values of a quantity relate."""

    GAUGE = "gauge"
    """A level: means and extremes make sense."""
    COUNTER = "counter"
    """A meter index: only increases matter, a fall is a reset."""
    COUNTER_DELTA = "counter_delta"
    """Occurrences since the last report: values are summed."""
    STATE = "state"
    """A condition that holds until the next report; 0 is no, 1 is yes."""
    EVENT = "event"
    """Something that happened at that instant; 1 each time."""


class Use(StrEnum):
    """Where values of a quantity come from."""

    DECODED = "decoded"
    """At least one decoder of this package gives it."""
    DERIVED = "derived"
    """Computed from decoded values and the installation (mounting height, pulse weight)."""
    OPEN = "open"
    """Named for vendor codecs and mapped payloads; no decoder of this package gives it yet."""


@dataclass(frozen=True, slots=True)
class Target:
    """A name in someone else's vocabulary; a value of ours times `factor` is a value of theirs."""

    name: str
    factor: float = 1.0


@dataclass(frozen=True, slots=True)
class Mappings:
    """A quantity in other vocabularies; None where they have no word for it.

    `senml`: unit of RFC 8428 or RFC 8798 in which a value may be given unchanged.
    `ttn`: path in the normalized payload of The Things Stack.
    `smart_data_models`: attribute of the FIWARE Smart Data Models.
    `un_cefact`: common code of our unit in UN/CEFACT Recommendation 20, as NGSI-LD `unitCode` wants it.
    """

    senml: str | None = None
    ttn: Target | None = None
    smart_data_models: Target | None = None
    un_cefact: str | None = None


@dataclass(frozen=True, slots=True)
class Quantity:
    """One entry of the closed vocabulary.

    `unit` is UCUM (case sensitive) and never changes; `unit_label` is how people read it. `minimum` and
    `maximum` bound what is physically plausible, both included. `spike` is the largest believable step
    between two successive readings within an hour, None where steps are natural. `stuck_hours` is how
    long an analog signal may stay exactly the same before one doubts it, None where constancy is natural.
    `origin` says where the code comes from.
    """

    code: str
    unit: str
    unit_label: str
    kind: Kind
    minimum: float
    maximum: float
    label_fr: str
    label_en: str
    spike: float | None
    stuck_hours: float | None
    mappings: Mappings
    use: Use
    origin: str


def quantity(
    code: str,
    unit: str,
    unit_label: str,
    bounds: tuple[float, float],
    labels: tuple[str, str],
    *,
    kind: Kind = Kind.GAUGE,
    spike: float | None = None,
    stuck_hours: float | None = None,
    senml: str | None = None,
    ttn: str | Target | None = None,
    sdm: str | Target | None = None,
    un_cefact: str | None = None,
    use: Use = Use.DECODED,
    origin: str = "",
) -> Quantity:
    """One line of a vocabulary table; `labels` are French, English."""
    mappings = Mappings(senml, _target(ttn), _target(sdm), un_cefact)
    minimum, maximum = bounds
    french, english = labels
    return Quantity(
        code,
        unit,
        unit_label,
        kind,
        minimum,
        maximum,
        french,
        english,
        spike,
        stuck_hours,
        mappings,
        use,
        origin or _origin(mappings),
    )


def _target(target: str | Target | None) -> Target | None:
    return Target(target) if isinstance(target, str) else target


def _origin(mappings: Mappings) -> str:
    """Where a code comes from when its table does not tell: the vocabulary that has a word for it, or ours."""
    if mappings.ttn:
        return "The Things Stack, normalized payload"
    return "Smart Data Models" if mappings.smart_data_models else "Terroir"


def state(
    code: str,
    labels: tuple[str, str],
    *,
    ttn: str | None = None,
    sdm: str | None = None,
    use: Use = Use.DECODED,
    origin: str = "",
) -> Quantity:
    """A condition: 0 is no, 1 is yes, without unit."""
    return quantity(
        code,
        "1",
        "",
        (0, 1),
        labels,
        kind=Kind.STATE,
        ttn=ttn,
        sdm=sdm,
        un_cefact="C62",
        use=use,
        origin=origin,
    )
