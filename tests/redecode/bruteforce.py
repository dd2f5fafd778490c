"""What a re-decode must leave, computed from all frames at once in the plainest way: no parts, no state."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from decoders import DecodeError
from decoders.quantities import QUANTITIES as VOCABULARY
from tests.redecode.land import LATE_LIMIT, QUANTITIES, Sent, Version, records

OUT_OF_RANGE, SPIKE, STUCK, LATE, CONFLICT, HISTORICAL = 1, 2, 4, 8, 64, 128
BAD = 35
Key = tuple[str, str, datetime]
Row = tuple[float, int, int]


def says(frame: Sent, version: Version) -> dict[Key, tuple[float, int]]:
    """Key -> (value, flags of its own); what is said twice counts as it is said last."""
    found: dict[Key, tuple[float, int]] = {}
    try:
        for index, (quantity, back, value) in enumerate(records(frame.payload)):
            said = version(index, back, value)
            if said is None:
                continue
            at = frame.measured_at - timedelta(minutes=back)
            if back and at < frame.received_at - LATE_LIMIT:
                continue
            late = LATE if frame.received_at - at > timedelta(hours=1) else 0
            found[frame.dev_eui, QUANTITIES[quantity], at] = (said, late | (HISTORICAL if back else 0))
    except DecodeError:
        return {}
    return found


def after_run(before: dict[Key, Row], frames: Iterable[Sent], chosen: set[int], version: Version) -> dict[Key, Row]:
    by_id = {frame.id: frame for frame in frames}
    told = {frame.id: says(frame, version) for frame in by_id.values()}
    keys = set(before) | {key for said in told.values() for key in said}
    after: dict[Key, Row] = {}
    anew: set[Key] = set()
    for key in keys:
        holder = before[key][2] if key in before else None
        if holder not in chosen and not any(key in told[number] for number in chosen):
            if key in before:
                after[key] = before[key]
            continue
        contenders = {number: said[key] for number, said in told.items() if key in said}
        if holder is not None and holder not in chosen:
            contenders[holder] = before[key][:2]
        if not contenders:
            continue
        winner = min(contenders, key=lambda n: rank(contenders[n][1], by_id[n]))
        value, flags = contenders[winner]
        conflict = CONFLICT if len({said for said, _ in contenders.values()}) > 1 else 0
        after[key] = (value, flags & ~CONFLICT | conflict, winner)
        if holder in chosen or winner != holder:
            anew.add(key)
    return judged(after, anew)


def rank(flags: int, frame: Sent) -> tuple[bool, int, object]:
    return (bool(flags & HISTORICAL), frame.f_cnt, frame.deduplication_id)


def judged(rows: dict[Key, Row], anew: set[Key]) -> dict[Key, Row]:
    """Range, spike and stuck of the given keys, looking back over everything before each."""
    found: dict[Key, Row] = {}
    for key in sorted(rows):
        value, flags, uplink = rows[key]
        if key in anew:
            before = [(k[2], *found[k]) for k in sorted(found) if k[:2] == key[:2]]
            flags |= quality(key, value, before)
        found[key] = (value, flags, uplink)
    return found


def quality(key: Key, value: float, before: list[tuple[datetime, float, int, int]]) -> int:
    quantity, flags = VOCABULARY[key[1]], 0
    if value < quantity.minimum or value > quantity.maximum:
        flags |= OUT_OF_RANGE
    good = [(at, said) for at, said, mark, _ in before if not mark & BAD]
    if quantity.spike is not None and good and key[2] - good[-1][0] <= timedelta(hours=1):
        flags |= SPIKE if abs(value - good[-1][1]) > quantity.spike else 0
    if quantity.stuck_hours is not None and before and before[-1][1] == value:
        same = [at for at, *_ in before]
        for at, said, *_ in reversed(before):
            if said != value:
                break
            same.append(at)
        since = same[-1]
        flags |= STUCK if key[2] - since > timedelta(hours=quantity.stuck_hours) else 0
    return flags


def last_values(rows: dict[Key, Row]) -> dict[tuple[str, str], tuple]:
    """What ``latest`` must say: last good (time, value, uplink, flags), last of all (time, value), same since."""
    found = {}
    for series in {key[:2] for key in rows}:
        ordered = [(key[2], *rows[key]) for key in sorted(rows) if key[:2] == series]
        at, value, _, _ = ordered[-1]
        since = at
        for moment, said, *_ in reversed(ordered):
            if said != value:
                break
            since = moment
        good = [(moment, said, uplink, flags) for moment, said, flags, uplink in ordered if not flags & BAD]
        found[series] = ((good[-1] if good else (None,) * 4), at, value, since)
    return found


def hours(rows: dict[Key, Row]) -> dict[tuple[str, str, datetime], tuple]:
    """Rollups by hour: n, n_good, and of good values sum, least, greatest, first, last."""
    found: dict[tuple[str, str, datetime], list[tuple[float, int]]] = {}
    for (dev_eui, quantity, at), (value, flags, _) in sorted(rows.items()):
        hour = at.replace(minute=0, second=0, microsecond=0)
        found.setdefault((dev_eui, quantity, hour), []).append((value, flags))
    result = {}
    for key, values in found.items():
        good = [value for value, flags in values if not flags & BAD]
        some = (round(sum(good), 6), min(good), max(good), good[0], good[-1]) if good else (None,) * 5
        result[key] = (len(values), len(good), *some)
    return result
