"""Datasets of a few made-up melodies or sentences, in memory."""

from __future__ import annotations

import numpy as np

from musicvae.config import Preset
from musicvae.representations.text import Characters, Text
from musicvae.training.dataset import Dataset


def dataset(preset: Preset, rows: int = 24, seed: int = 0, meters: bool = True) -> Dataset:
    """Scales that start anywhere: easy to learn. A third of them in 3/4 where `meters`."""
    spec, rng = preset.representation.spec, np.random.default_rng(seed)
    start, rise = rng.integers(20, 50, (rows, 1)), rng.integers(1, 4, (rows, 1))
    steps = np.arange(spec.length)
    tokens = np.where(steps % 4 == 0, 12 + (start + rise * (steps // 4)) % 60, 0).astype(np.uint8)
    lengths = np.full((rows, spec.segments), spec.segment_length, dtype=np.uint16)
    if meters:
        lengths[::3] = 12
        tokens[::3][:, steps % 16 >= 12] = 0
    return Dataset(
        representation=preset.representation, tokens=tokens, lengths=lengths, rows=np.arange(rows)
    )


def sentences(rows: int = 40, longest: int = 12, seed: int = 0) -> Dataset:
    """Sentences of 2 to `longest` steps, the last of which is the end; no two are the same, and
    the first token of each is its number."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(2, longest + 1, (rows, 1)).astype(np.uint16)
    tokens = rng.integers(2, 200, (rows, longest)).astype(np.uint8)
    tokens[:, 0] = 2 + np.arange(rows)
    tokens[np.arange(longest) >= lengths.astype(int) - 1] = 0
    return Dataset(
        representation=Text(vocabulary=Characters(size=256), max_length=longest),
        tokens=tokens,
        lengths=lengths,
        rows=np.arange(rows),
    )
