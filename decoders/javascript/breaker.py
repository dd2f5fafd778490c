"""Codecs that lose too much time are left alone for a while, longer while nothing good comes of them."""

from collections.abc import Callable
from dataclasses import dataclass

SHARE = 0.05
"""Of all time that a codec may lose."""

BURST = 0.5
"""Seconds it may lose at once; with the frame that goes beyond, stopped after half a second, a codec costs one."""


@dataclass(slots=True)
class _Account:
    balance: float
    at: float
    until: float
    pauses: int = 0


class Breaker:
    """A budget of lost time for each codec: `burst` seconds, that come again at `share` seconds a second.

    Beyond it the codec is suspended: `first` seconds, then twice as long each time it gave nothing good in between, but
    never shorter than until the budget is paid back nor longer than `longest`. So no codec loses more than `share`
    of the time and a burst, and a rare bad frame costs itself only. `clock` gives seconds that only grow, such as
    time.monotonic.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        share: float = SHARE,
        burst: float = BURST,
        first: float = 1.0,
        longest: float = 600.0,
    ) -> None:
        self._clock = clock
        self._share = share
        self._burst = burst
        self._first = first
        self._longest = longest
        self._accounts: dict[str, _Account] = {}

    def lost(self, codec: str, seconds: float) -> float:
        """Note time that it cost for nothing; returns for how many seconds it is suspended now, 0.0 for not at all."""
        now = self._clock()
        account = self._accounts.get(codec)
        if account is None:
            account = self._accounts[codec] = _Account(self._burst, now, now)
        earned = (now - account.at) * self._share
        account.balance = min(account.balance + earned, self._burst) - seconds
        account.at = now
        if account.balance >= 0:
            return 0.0
        growing = self._first * 2.0 ** min(account.pauses, 30)
        pause = min(max(growing, -account.balance / self._share), self._longest)
        account.pauses += 1
        account.until = now + pause
        return pause

    def served(self, codec: str) -> None:
        """Note that it decoded a frame: the next pause is the first again."""
        account = self._accounts.get(codec)
        if account is not None:
            account.pauses = 0

    def suspended(self, codec: str) -> bool:
        """Whether it is to be left alone now."""
        account = self._accounts.get(codec)
        return account is not None and self._clock() < account.until
