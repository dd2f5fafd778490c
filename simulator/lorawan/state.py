"""What a device keeps when its battery is changed: DevNonce, session, counters, channel plan; in a file of its own.

A DevNonce is a counter and is never used twice (6.2.5): it is on disk before its JoinRequest is on air.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from simulator.errors import ManifestError
from simulator.lorawan.channels import Channel, ChannelPlan
from simulator.lorawan.commands import Mac
from simulator.lorawan.crypto import SessionKeys


@dataclass(slots=True)
class Session:
    """An activation: address, keys, the counters of the next frames, what the network set."""

    dev_addr: int
    keys: SessionKeys
    f_cnt_up: int = 0
    next_f_cnt_down: int = 0
    mac: Mac = field(default_factory=Mac)


@dataclass(slots=True)
class DeviceState:
    """`dev_nonce`: of the next JoinRequest, from 0."""

    dev_nonce: int = 0
    session: Session | None = None


class StateFile:
    """The states of all devices of a scenario, in SQLite."""

    def __init__(self, path: Path, scenario: str, seed: int) -> None:
        """Opens the file, made when it is not there.

        Raises:
            ManifestError: it cannot be used, or belongs to another scenario or seed.
        """
        self._path = path
        owner = f"{scenario} {seed}"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, isolation_level=None)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA busy_timeout = 10000")
            self._db.execute("CREATE TABLE IF NOT EXISTS owner (name TEXT)")
            self._db.execute("CREATE TABLE IF NOT EXISTS device (dev_eui TEXT PRIMARY KEY, state TEXT)")
            row = self._db.execute("SELECT name FROM owner").fetchone()
            if row is None:
                self._db.execute("INSERT INTO owner VALUES (?)", (owner,))
        except (OSError, sqlite3.Error) as error:
            raise ManifestError(f"{path}: cannot keep the state of devices: {error}; give another --state") from error
        if row is not None and row[0] != owner:
            self._db.close()
            raise ManifestError(f"{path}: holds the devices of {row[0]}, this run's are {owner}; give another --state")

    def load(self) -> dict[str, DeviceState]:
        """Every state kept, by DevEUI.

        Raises:
            ManifestError: a state that cannot be read.
        """
        states: dict[str, DeviceState] = {}
        for dev_eui, text in self._db.execute("SELECT dev_eui, state FROM device").fetchall():
            try:
                states[dev_eui] = _read(json.loads(text))
            except (KeyError, TypeError, ValueError) as error:
                raise ManifestError(f"{self._path}: the state of {dev_eui} cannot be read: {error!r}") from error
        return states

    def save(self, states: Iterable[tuple[str, DeviceState]]) -> None:
        """Keeps these states, in one transaction.

        Raises:
            ManifestError: the disk refuses.
        """
        rows = [(dev_eui, json.dumps(_written(state))) for dev_eui, state in states]
        if not rows:
            return
        try:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany("INSERT OR REPLACE INTO device VALUES (?, ?)", rows)
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            raise ManifestError(f"{self._path}: cannot be written: {error}") from error

    def close(self) -> None:
        """Closes the file."""
        self._db.close()


def _written(state: DeviceState) -> dict[str, object]:
    session = state.session
    if session is None:
        return {"dev_nonce": state.dev_nonce}
    return {
        "dev_nonce": state.dev_nonce,
        "session": {
            "dev_addr": session.dev_addr,
            "nwk_s_key": session.keys.nwk_s_key.hex(),
            "app_s_key": session.keys.app_s_key.hex(),
            "f_cnt_up": session.f_cnt_up,
            "next_f_cnt_down": session.next_f_cnt_down,
            "nb_trans": session.mac.nb_trans,
            "max_duty_cycle": session.mac.max_duty_cycle,
            "answers": [answer.hex() for answer in session.mac.answers],
            "plan": asdict(session.mac.plan),
        },
    }


def _read(kept: dict[str, Any]) -> DeviceState:
    session = kept.get("session")
    if session is None:
        return DeviceState(kept["dev_nonce"])
    plan = dict(session["plan"])
    plan["channels"] = {int(index): Channel(**channel) for index, channel in plan["channels"].items()}
    mac = Mac(
        ChannelPlan(**plan),
        session["nb_trans"],
        session["max_duty_cycle"],
        [bytes.fromhex(answer) for answer in session["answers"]],
    )
    keys = SessionKeys(bytes.fromhex(session["nwk_s_key"]), bytes.fromhex(session["app_s_key"]))
    counters = session["f_cnt_up"], session["next_f_cnt_down"]
    return DeviceState(kept["dev_nonce"], Session(session["dev_addr"], keys, *counters, mac))
