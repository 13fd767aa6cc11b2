from __future__ import annotations

import math

import numpy as np
import pytest

from musicvae.metrics import (
    active_units,
    bar_accuracy,
    hamming_distance,
    nats_to_bits,
    onset_accuracy,
    step_accuracy,
    valid_steps,
)

TRUE = np.array([[5, 0, 0, 0, 6, 1, 0, 0]])
GUESS = np.array([[5, 0, 1, 9, 7, 1, 0, 9]])
LENGTHS = np.array([[3, 3]])  # the last step of each segment does not count


def test_steps_behind_a_segments_end_do_not_count() -> None:
    assert valid_steps(LENGTHS, 8).tolist() == [[True, True, True, False] * 2]
    assert step_accuracy(GUESS, TRUE) == 4 / 8
    assert step_accuracy(GUESS, TRUE, LENGTHS) == 4 / 6
    assert hamming_distance(GUESS, TRUE).tolist() == [4]
    assert hamming_distance(GUESS, TRUE, LENGTHS).tolist() == [2]


def test_accuracy_on_note_starts_ignores_what_is_held() -> None:
    assert onset_accuracy(GUESS, TRUE) == 1 / 2
    assert onset_accuracy(GUESS, TRUE, np.array([[3, 0]])) == 1.0
    assert math.isnan(onset_accuracy(GUESS, np.zeros_like(TRUE)))


def test_each_bar_has_its_own_accuracy() -> None:
    assert bar_accuracy(GUESS, TRUE, LENGTHS).tolist() == [[2 / 3, 2 / 3]]
    assert bar_accuracy(GUESS, TRUE, np.array([[4, 4]])).tolist() == [[0.5, 0.5]]
    assert np.isnan(bar_accuracy(GUESS, TRUE, np.array([[4, 0]]))[0, 1])


def test_units_are_active_from_the_threshold_on() -> None:
    means = np.array([[1.0, 0.1, 0.0], [-1.0, -0.1, 0.0]])  # of variance 2, 0.02 and 0
    assert active_units(means) == 2
    assert active_units(means, threshold=0.019) == 2
    assert active_units(means, threshold=0.021) == 1
    assert active_units(means[:1]) == 0


def test_bits_and_nats() -> None:
    assert nats_to_bits(math.log(8)) == pytest.approx(3)


def test_segments_must_divide_the_steps() -> None:
    with pytest.raises(ValueError, match="8 steps cannot be divided into 3 segments"):
        valid_steps(np.array([[1, 1, 1]]), 8)
