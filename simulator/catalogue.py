"""The models the simulator has: what each looks at, the beginning of its maker's addresses, how long a battery lasts.

Battery lives are the makers' figures at their default interval; a Tic'O is fed by the meter, whose 50 years stand for
never.
"""

from __future__ import annotations

from typing import NamedTuple


class Facts(NamedTuple):
    """What is known of a model.

    `looks_at` (or `or_at`): the key of a point that says what is there. `tells_changes`: it sends at once when what it
    looks at changes. `dated_by_minute`: its values are dated by the whole minute of sending, so it does not send within
    some seconds of a full minute.
    """

    looks_at: str
    eui_prefix: str
    battery_years: float
    tells_changes: bool = False
    dated_by_minute: bool = False
    or_at: str | None = None


MODELS: dict[str, Facts] = {
    "milesight/am300": Facts("room", "24e124710d", 3.5),
    "milesight/em400": Facts("container", "24e124713e", 8),
    "milesight/em300-sld-zld": Facts("cellar", "24e124136b", 8),
    "milesight/em500-smtc": Facts("ground", "24e124126a", 9),
    "milesight/vs13x": Facts("entrance", "24e124600d", 50),
    "milesight/ws301": Facts("gate", "24e124141c", 5, tells_changes=True),
    "elsys/ers": Facts("room", "a81758fffe", 6),
    "dingtek/df702-df703": Facts("container", "8cf9572000", 6),
    "axioma/qalcosonic-w1": Facts("meter", "8c8306070d", 14),
    "watteco/pulse-senso": Facts("meter", "70b3d5e75e", 10, or_at="supply"),
    "watteco/tico": Facts("supply", "70b3d5e75f", 50),
    "bosch/tps110": Facts("bay", "0004a30b00", 5, tells_changes=True),
    "nwave/nps": Facts("bay", "0080e11505", 8, tells_changes=True),
    "fludia/fm432": Facts("supply", "8cf9574000", 9, dated_by_minute=True),
    "decentlab/dl-zn1": Facts("tree", "70b3d57ba0", 7),
    "decentlab/dl-isf": Facts("tree", "70b3d57ba1", 6),
    "decentlab/dl-pm": Facts("street", "70b3d57ba2", 6),
    "decentlab/dl-atm41": Facts("sky", "70b3d57ba3", 6),
    "dragino/lse01": Facts("ground", "a840411234", 5),
}
