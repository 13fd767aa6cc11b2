"""A dataset of a few made-up melodies, in memory, for a small preset."""

from __future__ import annotations

import numpy as np

from musicvae.config import Preset
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
