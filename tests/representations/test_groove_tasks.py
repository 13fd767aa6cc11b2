"""What each task leaves of a groove, on random strokes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musicvae.representations.groove import Groove
from musicvae.representations.groove_strokes import HITS, OFFSETS, VELOCITIES
from musicvae.representations.groove_tasks import (
    FixedVelocity,
    HitsAsControls,
    Humanize,
    NoteDropout,
    Tap,
    Task,
    WithoutDrum,
)

seeds = st.integers(0, 2**32)


def strokes(seed: int, rows: int = 3) -> np.ndarray:
    """(rows, 32, 27) as they are played: nothing where nothing is struck."""
    rng = np.random.default_rng(seed)
    hit = rng.random((rows, 32, 9)) < 0.3
    velocity, offset = rng.integers(1, 128, hit.shape) / 127, rng.uniform(-1, 1, hit.shape)
    return np.concatenate([hit, hit * velocity, hit * offset], axis=-1).astype(np.float32)


def told(*tasks: Task, of: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
    return Groove(bars=2, tasks=tasks).inputs(of, rng)


@settings(max_examples=20)
@given(seeds)
def test_humanize_is_told_the_hits_and_nothing_else(seed: int) -> None:
    played = strokes(seed)
    left = told(Humanize(), of=played)
    np.testing.assert_array_equal(left[..., HITS], played[..., HITS])
    assert not left[..., VELOCITIES].any()
    assert not left[..., OFFSETS].any()


@settings(max_examples=20)
@given(seeds)
def test_a_tap_is_the_loudest_stroke_of_each_step_on_the_open_hi_hat(seed: int) -> None:
    played = strokes(seed)
    left = told(Tap(), of=played)
    np.testing.assert_array_equal(left[..., 9 + 3], played[..., VELOCITIES].max(axis=-1))
    np.testing.assert_array_equal(left[..., 3], played[..., HITS].max(axis=-1))
    assert np.isin(left[..., 18 + 3], np.append(played[..., OFFSETS].ravel(), 0)).all()
    assert not np.delete(left, [3, 12, 21], axis=-1).any()


@settings(max_examples=20)
@given(seeds)
def test_a_fixed_velocity_leaves_hits_and_timing(seed: int) -> None:
    played = strokes(seed)
    left = told(Tap(), FixedVelocity(), of=played)
    tapped = told(Tap(), of=played)
    assert not left[..., VELOCITIES].any()
    np.testing.assert_array_equal(left[..., OFFSETS], tapped[..., OFFSETS])
    np.testing.assert_array_equal(left[..., HITS], tapped[..., HITS])


@pytest.mark.parametrize("drum", range(9))
def test_a_drum_that_is_left_out_leaves_the_others_alone(drum: int) -> None:
    played = strokes(drum)
    left = told(WithoutDrum(drum=drum), of=played)
    own = [drum, drum + 9, drum + 18]
    assert not left[..., own].any()
    np.testing.assert_array_equal(np.delete(left, own, -1), np.delete(played, own, -1))


def test_by_default_the_closed_hi_hat_is_to_be_added() -> None:
    assert WithoutDrum() == WithoutDrum(drum=2)
    with pytest.raises(ValueError, match="8 ride"):
        WithoutDrum(drum=9)


@settings(max_examples=20)
@given(seeds)
def test_dropout_leaves_a_stroke_whole_or_not_at_all(seed: int) -> None:
    played = strokes(seed)
    left = told(NoteDropout(), of=played, rng=np.random.default_rng(seed))
    kept = np.tile(left[..., HITS] > 0, 3)
    np.testing.assert_array_equal(left, np.where(kept, played, 0))
    again = told(NoteDropout(), of=played, rng=np.random.default_rng(seed))
    np.testing.assert_array_equal(left, again)


def test_soft_strokes_are_dropped_more_often_and_a_share_is_drawn_for_each_example() -> None:
    played = np.zeros((4000, 32, 27), dtype=np.float32)
    played[..., :2] = 1
    played[..., 9], played[..., 10] = 1.0, 0.1  # a loud kick, a soft snare
    left = told(NoteDropout(most=0.8), of=played, rng=np.random.default_rng(0))
    lost = 1 - left[..., :2].mean(axis=(0, 1))
    # The mean of a share uniform up to 0.8 is 0.4; it is weighed with 1 - velocity, at least 0.2.
    np.testing.assert_allclose(lost, [0.4 * 0.2, 0.4 * 0.9], atol=0.01)
    by_example = 1 - left[..., 1].mean(axis=1)
    assert by_example.std() > 0.15  # one share for all would give 0.08


def test_in_use_dropout_is_the_same_for_all_examples() -> None:
    one = strokes(1, rows=1)
    several = told(NoteDropout(), of=np.repeat(one, 3, axis=0))
    np.testing.assert_array_equal(several, np.repeat(told(NoteDropout(), of=one), 3, axis=0))
    assert (several[..., HITS].sum() < one[..., HITS].sum() * 3).all()


def test_no_share_beyond_all_can_be_dropped() -> None:
    with pytest.raises(ValueError, match=r"from 0 to 1, not 1\.5"):
        NoteDropout(most=1.5)


def test_of_what_was_dropped_the_kick_alone_is_still_tapped() -> None:
    """As the reference has it: where nothing is left the first drum counts as the loudest."""
    played = np.zeros((1, 32, 27), dtype=np.float32)
    played[0, 0, [0, 9]] = 1, 0.5  # a kick
    played[0, 1, [1, 10]] = 1, 0.5  # a snare
    left = Tap().apply(np.zeros_like(played), played, None)
    assert left[0, :2, 3].tolist() == [1, 0]


def test_told_hits_are_controls_and_change_nothing_else() -> None:
    played = strokes(0)
    groove = Groove(bars=2, tasks=(HitsAsControls(),))
    assert groove.inputs(played) is played
    assert groove.spec.controls is not None
    assert groove.spec.controls.size == 9
    assert Groove(bars=2, tasks=(Humanize(),)).spec.controls is None


@settings(max_examples=20)
@given(seeds)
def test_tasks_leave_what_they_are_given_unchanged(seed: int) -> None:
    played = strokes(seed)
    before = played.copy()
    told(NoteDropout(), Tap(), Humanize(), WithoutDrum(), of=played)
    np.testing.assert_array_equal(played, before)
