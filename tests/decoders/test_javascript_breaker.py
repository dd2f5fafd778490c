"""The budget of lost time, by a clock that the test moves."""

import pytest

from decoders.javascript.breaker import Breaker

CODEC, OTHER = "acme/one@1", "acme/two@1"


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_a_rare_loss_suspends_nothing(clock):
    """A tenth of a second every two seconds is five in a hundred, for ever."""
    breaker = Breaker(clock, share=0.05, burst=0.5)
    for _ in range(10_000):
        assert breaker.lost(CODEC, 0.1) == 0.0
        assert not breaker.suspended(CODEC)
        clock.now += 2.0


def test_a_burst_is_borne_and_what_goes_beyond_suspends(clock):
    breaker = Breaker(clock, share=0.05, burst=0.5, first=1.0)
    assert [breaker.lost(CODEC, 0.125) for _ in range(4)] == [0.0] * 4
    # An eighth of a second beyond: paid back after 2.5 s.
    assert breaker.lost(CODEC, 0.125) == 2.5
    assert breaker.suspended(CODEC)
    assert not breaker.suspended(OTHER)
    clock.now += 2.5
    assert not breaker.suspended(CODEC)


def test_a_budget_comes_again_with_time_up_to_a_burst(clock):
    breaker = Breaker(clock, share=0.05, burst=0.5)
    assert breaker.lost(CODEC, 0.5) == 0.0
    clock.now += 1e6
    assert breaker.lost(CODEC, 0.5) == 0.0
    assert breaker.lost(CODEC, 0.5) > 0.0


def test_pauses_grow_while_nothing_good_comes(clock):
    breaker = Breaker(clock, share=0.05, burst=0.0, first=1.0, longest=600.0)
    pauses = []
    for _ in range(12):
        pauses.append(breaker.lost(CODEC, 0.01))
        clock.now += pauses[-1]
    assert pauses == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600]
    breaker.served(CODEC)
    assert breaker.lost(CODEC, 0.01) == 1.0


def test_what_is_slow_on_every_frame_is_no_more_than_its_share(clock):
    """Whatever it does, in the long run it gets its share and one burst."""
    breaker = Breaker(clock, share=0.05, burst=0.5)
    began, lost = clock.now, 0.0
    while clock.now - began < 36_000:
        if breaker.suspended(CODEC):
            clock.now += 0.25
            continue
        clock.now += 0.3  # a good frame and a bad one
        breaker.served(CODEC)
        breaker.lost(CODEC, 0.3)
        lost += 0.3
    share = lost / (clock.now - began)
    assert 0.04 < share <= 0.0501
