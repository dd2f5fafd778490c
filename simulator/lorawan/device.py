"""An end-device of class A: when it sends what, when it listens, and what it makes of what it hears.

It is driven from outside: `submit` gives it a payload, `wake` lets it act at the moment `wake_at`, `begins` and `heard`
tell it of a downlink. Moments are microseconds since 1970.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from simulator.encoders.truth import Payload
from simulator.errors import SimulatorError
from simulator.lorawan.airtime import OffTime, airtime
from simulator.lorawan.channels import MAX_PAYLOAD, Channel, ChannelPlan, spreading_factor
from simulator.lorawan.commands import Condition, Mac
from simulator.lorawan.crypto import session_keys
from simulator.lorawan.frames import (
    F_OPTS_MAX,
    Downlink,
    JoinAccept,
    data_up,
    join_request,
    open_data_down,
    open_join_accept,
)
from simulator.lorawan.state import DeviceState, Session
from simulator.lorawan.transmission import Transmission
from simulator.noise import Draws

SECOND = 1_000_000
_JOIN_ACCEPT_DELAY = 5 * SECOND  # RP002: JOIN_ACCEPT_DELAY1; RX2 is a second later
_SYMBOLS = 8  # how long a window stays open for a preamble
_TOLERANCE = 10_000  # microseconds a downlink may come early or late
# Of a confirmed frame that nobody acknowledges: 1.0.3 recommends it and most devices in the field do it; 1.0.4 has them
# sent NbTrans times like any other (4.3.1.3).
_TRANSMISSIONS = 8
_FIRST_JOIN_PAUSE, _LONGEST_JOIN_PAUSE = 4 * SECOND, 3600 * SECOND
# 7 (and TR007, 4.8): JoinRequests take 36 s in the first hour, 36 s in the ten after it, then 8.7 s a day.
_JOIN_SHARE = 8.7 / 86400


class _Window(NamedTuple):
    opens_at: int
    frequency: int
    spreading_factor: int


class EndDevice:
    """One device. `state` is changed in place; whoever keeps it must do so before a transmission goes on air."""

    def __init__(self, dev_eui: str, join_eui: str, app_key: bytes, data_rate: int, state: DeviceState) -> None:
        self.dev_eui = dev_eui
        self.state = state
        self.wake_at: int | None = None
        self._join_eui = join_eui
        self._app_key = app_key
        self._data_rate = data_rate
        self._off_time = OffTime()
        self._windows: tuple[_Window, ...] = ()
        self._quiet_until = 0  # while windows are open or a downlink comes in, nothing is sent
        self._queued: tuple[Payload, bool] | None = None
        self._times = 1  # an unconfirmed frame is sent, whatever the network asks
        self._pending: Transmission | None = None
        self._must_send = False
        self._ack_due = False
        self._joins = 0
        self._joining_nonce: int | None = None
        if state.session is not None:
            self._off_time.limit = 0.5**state.session.mac.max_duty_cycle

    @property
    def joined(self) -> bool:
        """Whether there is a session to send in."""
        return self.state.session is not None

    def power_on(self, at: int) -> None:
        """The first JoinRequest is due at `at`; with a session from an earlier run there is nothing to do."""
        if not self.joined:
            self.wake_at = at

    def submit(self, payload: Payload, at: int, *, confirmed: bool, times: int = 1) -> None:
        """A payload to send as soon as may be; one that still waits, or waits for an acknowledgement, is given up.

        It is sent so many `times` unless a downlink comes meanwhile.
        """
        self._queued, self._times = (payload, confirmed), times
        self._pending = None
        self.wake_at = max(at, self._quiet_until)

    def hush(self) -> None:
        """Switched off: what waits to be sent is lost."""
        self._queued = self._pending = self.wake_at = self._joining_nonce = None
        self._must_send, self._windows = False, ()

    def restart(self, at: int) -> None:
        """Switched on anew without a session: it joins at `at`."""
        self.hush()
        self.state.session, self._joins = None, 0
        self._off_time.limit = 1.0
        self.wake_at = max(at, self._quiet_until)

    def forget_counter(self) -> None:
        """Its counter begins again from 0 in the session it has."""
        if self.state.session is not None:
            self.state.session.f_cnt_up = 0
        self._pending = None

    @property
    def waits(self) -> bool:
        """Whether a payload is yet to be sent for the first time."""
        return self._queued is not None

    def refresh(self, payload: Payload) -> None:
        """A payload that still waits is read again, just before it goes."""
        if self._queued is not None:
            self._queued = (payload, self._queued[1])

    def wake(self, at: int, draws: Draws) -> Transmission | None:
        """What goes on air at `at`, if anything; `wake_at` says when to ask again."""
        if at < self._quiet_until:
            self.wake_at = self._quiet_until
            return None
        self.wake_at = None
        session = self.state.session
        if session is None:
            return self._join(at, draws)
        if self._pending is None and self._queued is None and not self._must_send:
            return None
        rate = self._rate()
        channel = self._channel(session.mac.plan, rate, at, draws)
        if channel is None:
            return None
        if self._pending is not None:
            sent = replace(self._pending, frequency=channel.frequency, start=at, attempt=self._pending.attempt + 1)
        else:
            sent = self._frame(session, at, rate, channel)
        plan = session.mac.plan
        rx1 = _Window(
            sent.end + plan.rx_delay * SECOND, channel.downlink, spreading_factor(plan.rx1_dr(sent.data_rate))
        )
        rx2 = _Window(rx1.opens_at + SECOND, plan.rx2_frequency, spreading_factor(plan.rx2_dr))
        self._listen(sent, rx1, rx2)
        limit = _TRANSMISSIONS if sent.confirmed else max(session.mac.nb_trans, self._times)
        self._pending = sent if sent.attempt < limit else None
        if self._pending is not None:  # RETRANSMIT_TIMEOUT, 1 to 3 s
            self.wake_at = self._quiet_until + SECOND + draws.below(2 * SECOND)
        elif self._must_send or self._queued is not None:
            self.wake_at = self._quiet_until
        return sent

    def _rate(self) -> int:
        """The device's data rate, or the slowest faster one that the payload fits in."""
        size = len(self._queued[0].data) if self._queued else 0
        if self._pending is not None:
            return self._pending.data_rate
        return next((dr for dr in range(self._data_rate, len(MAX_PAYLOAD)) if MAX_PAYLOAD[dr] >= size), 5)

    def _channel(self, plan: ChannelPlan, rate: int, at: int, draws: Draws) -> Channel | None:
        """A channel at random among those whose sub-band may be used; else None, and `wake_at` is when one may."""
        free = [(self._off_time.free_at(channel.frequency), channel) for channel in plan.usable(rate)]
        usable = [(moment, channel) for moment, channel in free if moment is not None]
        ready = [channel for moment, channel in usable if moment <= at]
        if ready:
            return ready[draws.below(len(ready))]
        if usable:
            self.wake_at = min(moment for moment, _ in usable)
        return None

    def _listen(self, sent: Transmission, *windows: _Window) -> None:
        self._off_time.use(sent.frequency, sent.start, sent.airtime)
        self._windows = windows
        last = windows[-1]
        self._quiet_until = last.opens_at + _SYMBOLS * 2**last.spreading_factor * 8  # 8 us a chip at 125 kHz

    def _join(self, at: int, draws: Draws) -> Transmission | None:
        nonce = self.state.dev_nonce
        if nonce > 0xFFFF:
            raise SimulatorError(f"{self.dev_eui} has used up its 65,536 DevNonces; flush them and remove its state")
        plan = ChannelPlan()
        channel = self._channel(plan, self._data_rate, at, draws)
        if channel is None:
            return None
        self.state.dev_nonce = nonce + 1
        self._joining_nonce = nonce
        self._joins += 1
        phy = join_request(self._app_key, self._join_eui, self.dev_eui, nonce)
        duration = airtime(len(phy), spreading_factor(self._data_rate))
        sent = Transmission(phy, channel.frequency, self._data_rate, at, duration, self._joins)
        opens = sent.end + _JOIN_ACCEPT_DELAY
        rx2 = _Window(opens + SECOND, plan.rx2_frequency, spreading_factor(plan.rx2_dr))
        self._listen(sent, _Window(opens, channel.frequency, spreading_factor(self._data_rate)), rx2)
        longest = max(_LONGEST_JOIN_PAUSE, round(2 * duration / _JOIN_SHARE))  # the pause drawn is at least half of it
        pause = min(longest, _FIRST_JOIN_PAUSE << min(self._joins - 1, 20))
        self.wake_at = self._quiet_until + pause // 2 + draws.below(pause)
        return sent

    def _frame(self, session: Session, at: int, rate: int, channel: Channel) -> Transmission:
        """The next frame: a payload with answers in FOpts, or the answers alone where they do not fit there."""
        each = tuple(session.mac.answers)
        answers = b"".join(each)
        payload, confirmed = self._queued or (None, False)
        f_port = None if payload is None else payload.f_port
        data = b"" if payload is None else payload.data
        too_many = len(answers) > F_OPTS_MAX or len(answers) + len(data) > MAX_PAYLOAD[rate]
        if too_many:
            payload, confirmed, f_port, data, f_opts = None, False, 0, answers, b""
        else:
            f_opts = answers
            self._queued = None
        self._must_send = False
        f_cnt = session.f_cnt_up
        ack, self._ack_due = self._ack_due, False
        session.f_cnt_up += 1
        session.mac.answered()
        phy = data_up(session.keys, session.dev_addr, f_cnt, f_port, data, f_opts=f_opts, confirmed=confirmed, ack=ack)
        duration = airtime(len(phy), spreading_factor(rate))
        return Transmission(
            phy, channel.frequency, rate, at, duration, 1, session.dev_addr, f_cnt, f_port, confirmed, payload, each
        )

    def listens(self, frequency: int, spread: int, start: int) -> bool:
        """Whether a window catches a downlink that starts at `start`."""
        return any(
            (window.frequency, window.spreading_factor) == (frequency, spread)
            and abs(start - window.opens_at) <= _TOLERANCE
            for window in self._windows
        )

    def begins(self, end: int) -> None:
        """A window has caught a preamble: the device listens until the frame ends."""
        self._quiet_until = max(self._quiet_until, end)

    def heard(self, phy: bytes, at: int, battery: int, margin: int, draws: Draws) -> JoinAccept | Downlink | None:
        """A frame came in whole; None when it was for another device, repeated or spoilt."""
        if self._joining_nonce is not None:
            accept = open_join_accept(self._app_key, phy)
            if accept is not None:
                self._accepted(accept, self._joining_nonce)
            return accept
        session = self.state.session
        if session is None:
            return None
        downlink = open_data_down(session.keys, session.dev_addr, session.next_f_cnt_down, phy)
        if downlink is not None:
            self._obey(session, downlink, at, Condition(self._data_rate, battery, margin), draws)
        return downlink

    def _accepted(self, accept: JoinAccept, dev_nonce: int) -> None:
        keys = session_keys(self._app_key, accept.join_nonce, accept.net_id, dev_nonce)
        plan = ChannelPlan(rx1_dr_offset=accept.rx1_dr_offset, rx2_dr=accept.rx2_dr, rx_delay=accept.rx_delay)
        plan.apply_c_f_list(accept.c_f_list)
        self.state.session = Session(accept.dev_addr, keys, mac=Mac(plan))
        self._joining_nonce, self._joins = None, 0
        self._windows, self._pending = (), None
        self.wake_at = None

    def _obey(self, session: Session, downlink: Downlink, at: int, condition: Condition, draws: Draws) -> None:
        session.next_f_cnt_down = downlink.f_cnt + 1
        self._windows = ()  # 3.3.1: after a frame in RX1 the device does not listen in RX2
        mac = session.mac
        mac.heard()
        mac.execute(downlink.data if downlink.f_port == 0 else downlink.f_opts, condition)
        self._off_time.limit = 0.5**mac.max_duty_cycle
        self._ack_due = self._ack_due or downlink.confirmed
        if self._pending is not None and (downlink.ack or not self._pending.confirmed):
            self._pending, self.wake_at = None, None
        self._must_send = downlink.f_pending or downlink.confirmed or sum(map(len, mac.answers)) > F_OPTS_MAX
        if self._must_send or self._queued is not None:
            soon = max(at, self._quiet_until) + draws.below(SECOND)
            self.wake_at = soon if self.wake_at is None else min(soon, self.wake_at)
