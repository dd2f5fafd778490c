"""Which of the two languages a page is in."""

from enum import StrEnum

from fastapi import Request


class Language(StrEnum):
    """French first."""

    FR = "fr"
    EN = "en"

    @property
    def other(self) -> "Language":
        return Language.EN if self is Language.FR else Language.FR


def chosen(request: Request) -> Language | None:
    """The language asked for by `?lang=`, None when it is not or is another."""
    asked = request.query_params.get("lang")
    return Language(asked) if asked in set(Language) else None


def language_of(request: Request) -> Language:
    """By `?lang=`, else the first of ours in Accept-Language (RFC 9110, 12.5.4), else French."""
    asked = chosen(request)
    if asked is not None:
        return asked
    best, best_weight = Language.FR, 0.0
    for entry in request.headers.get("accept-language", "").split(","):
        tag, _, parameters = entry.strip().partition(";")
        primary = tag.partition("-")[0].lower()
        if primary in set(Language):
            weight = _weight(parameters)
            if weight > best_weight:
                best, best_weight = Language(primary), weight
    return best


def _weight(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
