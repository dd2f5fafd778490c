"""The harness itself: mistakes that others make are planted in ingest, and it must find them."""

from pathlib import Path

import pytest

from tests.chaos.plan import Kind
from tests.chaos.stack import Setup
from tests.chaos.trial import Orders, Outcome, run

pytestmark = pytest.mark.timeout(900)
KILLED, CUT, CHILD = Kind.INGEST_KILLED_IN_BATCH, Kind.BROKER_CUT_IN_BATCH, Kind.CHILD_KILLED_IN_BATCH


def trial(folder: Path, *kinds: Kind, bugs: tuple[str, ...] = (), workers: int = 1) -> Outcome:
    """Strikes in the middle of a batch, the moment at which these mistakes show, until it has done so."""
    setup = Setup(folder, members=1, faster=6000.0, bugs=bugs, workers=workers)
    return run(setup, Orders(seed=1, seconds=0.0, pace=0.5, strikes=4, kinds=frozenset(kinds), quiet=10.0))


def test_an_acknowledgement_before_the_commit_is_found(tmp_path: Path) -> None:
    outcome = trial(tmp_path, KILLED, bugs=("acknowledge-early",))
    assert outcome.counts[KILLED] > 0
    assert outcome.judgement.lost
    assert not outcome.sound


def test_a_parent_that_acknowledges_what_it_deals_is_found(tmp_path: Path) -> None:
    outcome = trial(tmp_path, CHILD, KILLED, bugs=("acknowledge-early",), workers=2)
    assert outcome.counts[KILLED] > 0
    assert outcome.judgement.lost
    assert not outcome.sound


def test_a_child_that_is_not_given_what_the_one_before_had_is_found(tmp_path: Path) -> None:
    outcome = trial(tmp_path, CHILD, bugs=("forget-dealt",), workers=2)
    assert outcome.counts[CHILD] > 0
    assert outcome.judgement.lost
    assert not outcome.sound


def test_forgotten_keys_are_found(tmp_path: Path) -> None:
    outcome = trial(tmp_path, CUT, bugs=("forget-keys",))
    assert outcome.counts[CUT] > 0
    assert any("doubled" in trouble for trouble in outcome.judgement.troubles)
    assert not outcome.sound


def test_without_them_the_same_strikes_do_no_harm(tmp_path: Path) -> None:
    outcome = trial(tmp_path, KILLED, CUT)
    assert outcome.counts.total() > 0
    assert outcome.sound, outcome.judgement
