"""The judge: a probability over tokens, that falls back as far as it has to."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.theory.ngram import NGrams

SEQUENCES = st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=8), min_size=1, max_size=5)


@given(SEQUENCES, st.lists(st.integers(0, 3), max_size=2))
def test_probabilities_of_all_tokens_are_one_together(
    read: list[list[int]], history: list[int]
) -> None:
    judge = NGrams.fit(read, classes=4, order=3)
    total = sum(judge.probability(tuple(history), token) for token in range(4))
    assert total == pytest.approx(1)


def test_without_a_text_every_token_is_as_likely() -> None:
    assert NGrams.fit([], classes=8).bits([1, 2, 3]) == pytest.approx(9)


def test_by_hand() -> None:
    """After "0 1": c(1) = 1 of 2 tokens, two kinds, so P(1) = (1 + 2 / 4) / (2 + 2); behind 0
    there was one kind, always 1: P(1 | 0) = (1 + P(1)) / (1 + 1)."""
    judge = NGrams.fit([[0, 1]], classes=4, order=2)
    single = (1 + 2 / 4) / 4
    assert judge.probability((), 1) == pytest.approx(single)
    assert judge.probability((0,), 1) == pytest.approx((1 + single) / 2)
    assert judge.probability((3,), 1) == pytest.approx(single)
    begin = (1 + single) / 2  # P(0) at the beginning, where 0 was the only one
    assert judge.bits([0, 1]) == pytest.approx(-2 * math.log2(begin))


def test_what_was_read_is_likelier_than_noise() -> None:
    rng = np.random.default_rng(0)
    tune = [np.tile([0, 1, 2, 3], 4)] * 3
    noise = [rng.integers(0, 4, 16) for _ in range(3)]
    judge = NGrams.fit(tune, classes=4)
    assert judge.bits_a_step(tune).max() < 1 < judge.bits_a_step(noise).min()
