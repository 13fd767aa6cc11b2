from __future__ import annotations

import math
import statistics

import numpy as np
import pytest
import sacrebleu
from hypothesis import given
from hypothesis import strategies as st

from musicvae.metrics import (
    active_units,
    bar_accuracy,
    bleu,
    bootstrap_interval,
    hamming_distance,
    nats_to_bits,
    onset_accuracy,
    perplexity,
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


def test_active_units_are_of_the_unbiased_variance() -> None:
    means = np.random.default_rng(0).normal(size=(7, 40)) * np.linspace(0, 0.3, 40)
    variances = np.array([statistics.variance(column) for column in means.T])
    assert active_units(means) == (variances >= 0.01).sum()
    assert active_units(means, threshold=float(variances[20])) == (variances >= variances[20]).sum()


@given(size=st.integers(2, 5000), steps=st.integers(1, 1000))
def test_the_perplexity_of_even_odds_is_how_many_there_are(size: int, steps: int) -> None:
    assert perplexity(steps * math.log(size), steps) == pytest.approx(size)


def test_a_perplexity_beyond_all_numbers_is_infinite() -> None:
    assert perplexity(1e6, 1) == math.inf


def test_the_interval_of_a_mean_is_that_of_the_central_limit() -> None:
    values = np.random.default_rng(1).exponential(3.0, 2000)
    low, high = bootstrap_interval(values)
    half = 1.96 * values.std() / math.sqrt(2000)
    assert low == pytest.approx(values.mean() - half, abs=0.15 * half)
    assert high == pytest.approx(values.mean() + half, abs=0.15 * half)
    narrow = bootstrap_interval(values, confidence=0.5)
    assert low < narrow[0] < narrow[1] < high
    assert bootstrap_interval(values) == (low, high)
    assert bootstrap_interval(values, seed=1) != (low, high)


def test_the_interval_of_a_share_knows_what_belongs_together() -> None:
    shares = np.random.default_rng(2).integers(1, 50, 300)
    assert bootstrap_interval(2.5 * shares, shares) == pytest.approx((2.5, 2.5))


WRITTEN = ["The cat sat on the mat.", "It was late, and nobody came to the door."]
ANSWERS = ["The cat sat on a mat.", "It was late and nobody came near the door."]


def test_bleu_is_that_of_sacrebleu() -> None:
    expected = sacrebleu.corpus_bleu(WRITTEN, [ANSWERS]).score
    assert 20 < expected < 80
    assert bleu(WRITTEN, ANSWERS) == expected
    plain = sacrebleu.corpus_bleu(WRITTEN, [ANSWERS], tokenize="none").score
    assert bleu(WRITTEN, ANSWERS, words=False) == plain != expected
    assert bleu(ANSWERS, ANSWERS) == pytest.approx(100)
    assert bleu(["", ""], ANSWERS) == 0


def test_bits_and_nats() -> None:
    assert nats_to_bits(math.log(8)) == pytest.approx(3)


def test_segments_must_divide_the_steps() -> None:
    with pytest.raises(ValueError, match="8 steps cannot be divided into 3 segments"):
        valid_steps(np.array([[1, 1, 1]]), 8)
