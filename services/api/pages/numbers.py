"""Numbers and times as people read them."""

import math
from datetime import datetime, timedelta

from services.api.markup.language import Language
from services.api.markup.texts import texts
from services.api.readings.calendar import PARIS

NARROW_SPACE = "\N{NARROW NO-BREAK SPACE}"
SPACE = "\N{NO-BREAK SPACE}"
_WEEKDAYS = {
    Language.FR: ("lun.", "mar.", "mer.", "jeu.", "ven.", "sam.", "dim."),
    Language.EN: ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
}
_MONTHS = {
    Language.FR: (
        "janvier", "février", "mars", "avril", "mai", "juin",
        "juillet", "août", "septembre", "octobre", "novembre", "décembre",
    ),
    Language.EN: (
        "January", "February", "March", "April", "May", "June",
        "July", "August", "September", "October", "November", "December",
    ),
}  # fmt: skip


def number(value: float, language: Language, decimals: int | None = None) -> str:
    """Three digits that matter, as the language writes them."""
    places = usual_decimals(value) if decimals is None else decimals
    text = f"{abs(value):,.{places}f}"
    if places and decimals is None:
        text = text.rstrip("0").rstrip(".")
    if language is Language.FR:
        text = text.replace(",", NARROW_SPACE).replace(".", ",")
    return f"\N{MINUS SIGN}{text}" if value < 0 and float(f"{value:.{places}f}") != 0 else text


def usual_decimals(value: float) -> int:
    """Decimals that leave about three digits."""
    size = abs(value)
    if size >= 100 or size == 0:
        return 0
    return max(0, min(4, 2 - math.floor(math.log10(size))))


def quantity(value: float, kind: str, unit_label: str, language: Language) -> str:
    """A value with its unit; a state as yes or no."""
    if kind == "state":
        return state(value, language)
    return with_unit(number(value, language), unit_label, language)


def state(value: float, language: Language) -> str:
    return texts(language)["yes" if value >= 0.5 else "no"]


def with_unit(text: str, unit_label: str, language: Language) -> str:
    """A number and its unit, which do not part; English writes per cent and degrees of angle close."""
    if not unit_label:
        return text
    close = unit_label == "°" or (unit_label == "%" and language is Language.EN)
    return text + ("" if close else SPACE) + unit_label


def since(instant: datetime, now: datetime, language: Language) -> str:
    """How long ago, in its largest unit."""
    words = texts(language)
    minutes = int((now - instant) / timedelta(minutes=1))
    if minutes < 1:
        return words["just_now"]
    if minutes < 60:
        return words["minutes_ago"].format(minutes)
    if minutes < 48 * 60:
        return words["hours_ago"].format(minutes // 60)
    return words["days_ago"].format(minutes // (24 * 60))


def moment(instant: datetime, language: Language) -> str:
    """Day and time in Paris, in full."""
    local = instant.astimezone(PARIS)
    weekday, month = _WEEKDAYS[language][local.weekday()], _MONTHS[language][local.month - 1]
    joint = " à " if language is Language.FR else ", "
    return f"{weekday} {local.day} {month} {local.year}{joint}{local:%H:%M}"


def day(instant: datetime, language: Language) -> tuple[str, str]:
    """The civil day in Paris, short: `lun.` and `26`."""
    local = instant.astimezone(PARIS)
    return _WEEKDAYS[language][local.weekday()], str(local.day)
