"""Samples as the judge reads them."""

from __future__ import annotations

import numpy as np
import torch

from benchmarks.theory.autoencoder import sampled
from benchmarks.theory.data import sample_melodies, sample_sentences, sequences
from benchmarks.theory.models import Wanted, untrained


def test_samples_of_text_stop_at_their_end_and_those_of_music_fill_their_bars() -> None:
    for data in (sample_melodies(), sample_sentences()):
        model = untrained(Wanted(kind="any", z=2, beta=0.0, updates=1), data.train)
        longest = max(map(len, sequences(data.test)))
        end = model.spec.end
        for row in sampled(model, torch.randn(20, 2), data.test):
            if end is None:
                assert len(row) == longest
            else:
                assert 1 <= len(row) <= longest
                assert (row[:-1] != end).all()


def test_sequences_leave_out_what_only_fills_up() -> None:
    data = sample_sentences().test
    tokens, lengths, _ = data.take(np.arange(len(data)))
    for row, all_of_it, length in zip(sequences(data), tokens, lengths[:, 0], strict=True):
        assert row[-1] == 0
        assert (row[:-1] > 0).all()
        np.testing.assert_array_equal(row, all_of_it[:length])
