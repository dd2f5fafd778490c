"""Events that a network server makes of its own: at gateway level the manifest says which of them are due."""

from collections import Counter

from services.verify.manifest import Manifest
from services.verify.stored import Store
from services.verify.verdict import Kind, Tally

NAME = "events"
_REFUSALS = ("UPLINK_F_CNT_RESET", "UPLINK_F_CNT_RETRANSMISSION")


def compare_told(manifest: Manifest, store: Store) -> Tally:
    """A `join` for each session a device began, with its address, once; a `status` for each frame that answered a
    DevStatusReq; a `log` entry for each frame whose counter no server takes. All else is the server's own: foreign.
    """
    tally = Tally(NAME)
    told = Counter[tuple[str, str, str]]()
    for dev_eui, event, what, count in store.told():
        told[dev_eui, event, what] += count
    for dev_eui, dev_addr, times in manifest.on_air("joins"):
        found = told.pop((dev_eui, "join", dev_addr), 0)
        _count(tally, times, times, found, f"join of {dev_eui} as {dev_addr}")
    for dev_eui, frames, answers in manifest.on_air("statuses"):
        found = told.pop((dev_eui, "status", ""), 0)
        _count(tally, frames, answers, found, f"status of {dev_eui}")
    for dev_eui, frames in manifest.on_air("refused"):
        found = sum(told.pop((dev_eui, "log", code), 0) for code in _REFUSALS)
        # A server may doubt repetitions and later frames as well.
        _count(tally, frames, max(frames, found), found, f"log entry about a refused frame of {dev_eui}")
    tally.foreign = sum(told.values())
    return tally


def _count(tally: Tally, least: int, most: int, found: int, name: str) -> None:
    tally.expected += least
    tally.found += min(least, found)
    tally.not_due += max(0, min(found, most) - least)
    for _ in range(least - found):
        tally.fault(Kind.MISSING, name)
    for _ in range(found - most):
        tally.fault(Kind.DOUBLED, f"{name}: {found} stored, {most} sent")
