"""Flags of readings: what can be known of them without judging values again."""

from dataclasses import dataclass
from datetime import timedelta

from services.core.domain import Flag
from services.verify.fates import Fates
from services.verify.sent import SentValue
from services.verify.stored import StoredReading

# As plain integers: millions of readings pass here, and an IntFlag makes an object of every answer.
_KNOWN = int(sum(Flag))
_OUT_OF_RANGE = int(Flag.OUT_OF_RANGE)
_LATE = int(Flag.LATE)
_CLOCK_SUSPECT = int(Flag.CLOCK_SUSPECT)
_DEVICE_ERROR = int(Flag.DEVICE_ERROR)
_CONFLICT = int(Flag.CONFLICT)
_HISTORICAL = int(Flag.HISTORICAL)


@dataclass(frozen=True, slots=True)
class FlagRules:
    """`late_after` as the store has it; `clocks_known`: whether the manifest tells all that was wrong with clocks."""

    late_after: timedelta
    clocks_known: bool


def flag_faults(sent: list[SentValue], row: StoredReading, rules: FlagRules, fates: Fates) -> list[str]:
    """What is wrong with the flags of a reading that stands for `sent`; counts those that a fault had to raise."""
    found: list[str] = []
    flags = row.flags
    if flags & ~_KNOWN:
        found.append(f"flags {flags} has unknown bits")
    own = [value for value in sent if value.deduplication_id == row.deduplication_id] or sent
    must = own[0].flags
    exact = {
        _OUT_OF_RANGE: row.implausible,
        _HISTORICAL: own[0].own_time,
        _DEVICE_ERROR: bool(must & _DEVICE_ERROR),
    }
    if row.received_at is not None:
        exact[_LATE] = row.received_at - row.measured_at > rules.late_after
    if rules.clocks_known:
        exact[_CLOCK_SUSPECT] = bool(must & _CLOCK_SUSPECT)
    conflict = _conflict(sent)
    if conflict is not None:
        exact[_CONFLICT] = conflict
    for flag, wanted in exact.items():
        if bool(flags & flag) != wanted:
            found.append(f"flag {_name(flag)} is {'not set' if wanted else 'set'}")
        must |= flag if wanted else 0
    lacking = must & ~flags & int(Flag.SPIKE | Flag.STUCK)
    found += [f"flag {_name(flag)} is not set" for flag in Flag if lacking & flag]
    if must:
        for flag in Flag:
            if must & flag:
                fates.note_flag(own[0].fault, _name(flag), raised=bool(flags & flag))
    return found


def _conflict(sent: list[SentValue]) -> bool | None:
    """Whether frames contradict each other; None where rounding may have made them, or the frame may not have come."""
    if len(sent) == 1 or len({value.value for value in sent}) == 1:
        return False
    due = [value for value in sent if value.due]
    apart = max(value.value for value in due) - min(value.value for value in due) if due else 0.0
    return True if apart > 2 * max(value.resolution for value in sent) else None


def _name(flag: int) -> str:
    return str(Flag(flag).name)
