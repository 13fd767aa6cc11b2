"""A prepared dataset on disk, and the batches that training draws from it.

A dataset is a folder of NumPy arrays, read through memory maps: `tokens.npy` (N, T), `lengths.npy`
(N, S), `split.npy` (N,) with 0 train, 1 valid, 2 test, and `dataset.json`. An optional
`weights.npy` (N,) makes some examples be drawn more often than others.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from musicvae.config import from_json
from musicvae.representations.base import Representation

SPLITS = ("train", "valid", "test")


@dataclass(frozen=True, eq=False, kw_only=True)
class Dataset:
    """Examples of one representation. `rows` (M,) are the ones of the split at hand."""

    representation: Representation[Any]
    tokens: np.ndarray
    lengths: np.ndarray
    rows: np.ndarray
    weights: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Tokens (B, T) and lengths (B, S) of the index-th rows of this split."""
        rows = self.rows[index]
        return np.asarray(self.tokens[rows]), np.asarray(self.lengths[rows])

    def draw(self, size: int, rng: np.random.Generator) -> np.ndarray:
        """`size` indices, with replacement, by weight."""
        if self.weights is None:
            return rng.integers(len(self), size=size)
        heights = self._heights
        drawn: np.ndarray = np.searchsorted(heights, rng.random(size) * heights[-1], side="right")
        return drawn

    @cached_property
    def _heights(self) -> np.ndarray:
        """The running sum of the weights: an example is drawn where a number falls in its part."""
        assert self.weights is not None
        return np.cumsum(self.weights, dtype=np.float64)

    def batch(self, size: int, seed: int, step: int, augment: bool) -> tuple[Tensor, Tensor]:
        """The training batch of a step: a function of `seed` and `step` alone, so that a run
        that was broken off goes on with the very batches it would have seen."""
        rng = np.random.default_rng((seed, step))
        tokens, lengths = self.take(self.draw(size, rng))
        if augment:
            tokens = self.representation.augment(tokens, rng)
        return to_tensors(tokens, lengths)

    def sample(self, count: int, seed: int) -> Dataset:
        """At most `count` of its examples, chosen once by `seed`, without replacement."""
        rng = np.random.default_rng(seed)
        chosen = np.sort(rng.permutation(len(self))[:count])
        weights = None if self.weights is None else self.weights[chosen]
        return Dataset(
            representation=self.representation,
            tokens=self.tokens,
            lengths=self.lengths,
            rows=self.rows[chosen],
            weights=weights,
        )


def to_tensors(tokens: np.ndarray, lengths: np.ndarray) -> tuple[Tensor, Tensor]:
    """Stored unsigned integers -> int64 tensors."""
    return torch.from_numpy(tokens.astype(np.int64)), torch.from_numpy(lengths.astype(np.int64))


def load_dataset(folder: str | Path, split: str = "train") -> Dataset:
    """Open one split of a prepared dataset. Raises `ValueError` that says what is missing."""
    folder = Path(folder)
    if split not in SPLITS:
        raise ValueError(f"there is no split {split!r}; there are {', '.join(SPLITS)}")
    missing = [n for n in ("dataset.json", "tokens.npy", "lengths.npy", "split.npy")
               if not (folder / n).is_file()]  # fmt: skip
    if missing:
        raise ValueError(
            f"{folder} is no prepared dataset ({', '.join(missing)} missing); "
            "make one with: musicvae prepare"
        )
    description = json.loads((folder / "dataset.json").read_text())
    rows = np.flatnonzero(np.load(folder / "split.npy") == SPLITS.index(split))
    if not len(rows):
        raise ValueError(f"the dataset {folder} has no examples in its {split} split")
    weights = folder / "weights.npy"
    return Dataset(
        representation=from_json(description["representation"]),
        tokens=np.load(folder / "tokens.npy", mmap_mode="r"),
        lengths=np.load(folder / "lengths.npy", mmap_mode="r"),
        rows=rows,
        weights=np.load(weights)[rows] if weights.is_file() else None,
    )
