"""What is made to be told apart: each kind changes what it says and nothing else."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from benchmarks.theory.data import sample_melodies, sample_sentences
from benchmarks.theory.outliers import FIRST, SPOILS, Pieces, auroc, pieces
from musicvae.representations.base import Example


def joined(rows: list[Pieces]) -> list[np.ndarray]:
    return [np.concatenate(row) for row in rows]


@pytest.mark.parametrize("kind", ["melody", "text"])
def test_every_kind_changes_most_examples(kind: str) -> None:
    data = (sample_melodies() if kind == "melody" else sample_sentences()).test
    real = pieces(data)
    for spoil in SPOILS[kind].values():
        spoilt = joined(spoil(real, np.random.default_rng(0)))
        same = [np.array_equal(a, b) for a, b in zip(joined(real), spoilt, strict=True)]
        assert np.mean(same) < 0.2


def test_melodies_keep_their_rhythm_or_their_notes() -> None:
    real = pieces(sample_melodies().test)
    for name, spoil in SPOILS["melody"].items():
        for a, b in zip(joined(real), joined(spoil(real, np.random.default_rng(0))), strict=True):
            assert len(a) == len(b)
            if "same rhythm" in name:
                np.testing.assert_array_equal(np.minimum(a, FIRST), np.minimum(b, FIRST))
            elif "two melodies" not in name:
                assert Counter(a.tolist()) == Counter(b.tolist())


def test_shuffled_sentences_have_the_same_words_and_their_end() -> None:
    data = sample_sentences().test
    real = pieces(data)
    shuffled = SPOILS["text"]["words shuffled"](real, np.random.default_rng(0))
    for a, b in zip(real, shuffled, strict=True):
        assert sorted(map(tuple, a)) == sorted(map(tuple, b))
        assert b[-1].tolist() == [0]
    text = data.representation.decode([
        Example(tokens=np.concatenate(row), lengths=np.array([sum(map(len, row))]))
        for row in shuffled
    ])  # fmt: skip
    said = data.representation.decode([
        Example(tokens=np.concatenate(row), lengths=np.array([sum(map(len, row))])) for row in real
    ])  # fmt: skip
    assert Counter(text.replace(".", " ").split()) == Counter(said.replace(".", " ").split())


def test_auroc_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    outliers, normal = rng.integers(0, 8, 50).astype(float), rng.integers(0, 6, 70).astype(float)
    labels, scores = np.r_[np.ones(50), np.zeros(70)], np.r_[outliers, normal]
    assert auroc(outliers, normal)["mean"] == pytest.approx(roc_auc_score(labels, scores))
