"""A prepared dataset on disk, and the batches that training draws from it.

A dataset is a folder of NumPy arrays, read through memory maps: `tokens.npy` (N, T, ...),
`lengths.npy` (N, S), `controls.npy` (N, T, ...) for a representation with controls, `split.npy`
(N,) with 0 train, 1 valid, 2 test, and `dataset.json`. An optional `weights.npy` (N,) makes some
examples be drawn more often than others.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from musicvae.config import from_json
from musicvae.representations.base import Example, Learned, Representation

SPLITS = ("train", "valid", "test")
COMPARED = 64  # examples by which two vocabularies are told apart
BUCKETS = 16  # of so many batches drawn, sorted by length, one is taken


@dataclass(frozen=True, eq=False)
class Batch:
    """Examples as a model takes them: `tokens` (B, T, ...) and `lengths` (B, S); `inputs`, what the
    encoder reads, where it is not the tokens; `controls` where there are any."""

    tokens: Tensor
    lengths: Tensor
    inputs: Tensor | None = None
    controls: Tensor | None = None

    @staticmethod
    def of(
        representation: Representation[Any],
        tokens: np.ndarray,
        lengths: np.ndarray,
        controls: np.ndarray | None = None,
        rng: np.random.Generator | None = None,
    ) -> Batch:
        """Stored arrays -> tensors. `rng` where what the encoder reads is a matter of chance.

        Where an example is one segment that says itself where it ends, what lies behind the longest
        of them is cut off: the tensors are (B, T', ...) with T' <= T.
        """
        if _ends_itself(representation):
            longest = int(lengths.max())
            tokens = tokens[:, :longest]
            controls = None if controls is None else controls[:, :longest]
        inputs = representation.inputs(tokens, rng)
        return Batch(
            _tensor(tokens),
            _tensor(lengths),
            None if inputs is tokens else _tensor(inputs),
            None if controls is None else _tensor(controls),
        )

    def to(self, device: torch.device) -> Batch:
        """The same on a device."""
        parts = (self.tokens, self.lengths, self.inputs, self.controls)
        return Batch(*(None if p is None else p.to(device) for p in parts))  # type: ignore[arg-type]

    @property
    def read(self) -> Tensor:
        """What the encoder reads."""
        return self.tokens if self.inputs is None else self.inputs


@dataclass(frozen=True, eq=False, kw_only=True)
class Dataset:
    """Examples of one representation. `rows` (M,) are the ones of the split at hand."""

    representation: Representation[Any]
    tokens: np.ndarray
    lengths: np.ndarray
    rows: np.ndarray
    controls: np.ndarray | None = None
    weights: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, index: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Tokens (B, T, ...), lengths (B, S) and controls of the index-th rows of this split."""
        rows = self.rows[index]
        controls = None if self.controls is None else np.asarray(self.controls[rows])
        return np.asarray(self.tokens[rows]), np.asarray(self.lengths[rows]), controls

    def read_by(self, representation: Representation[Any]) -> Dataset:
        """The same examples as another representation tells them to a model: with another task or
        range of augmentation. Raises `ValueError` unless both are of one shape, and tokens mean the
        same to both where what they mean is learned."""
        if representation.spec != self.representation.spec:
            raise ValueError(
                f"the dataset holds {self.representation}, which {representation} cannot read"
            )
        if isinstance(representation, Learned) and not self._means_the_same_to(representation):
            raise ValueError(
                f"the dataset holds {self.representation} learned from other sources than the "
                f"model's {representation}: the same tokens mean something else. Use the dataset "
                "that the model was trained on"
            )
        return replace(self, representation=representation)

    def _means_the_same_to(self, representation: Representation[Any]) -> bool:
        """Whether both decode some of the examples to the same source."""
        at = np.linspace(0, len(self) - 1, min(len(self), COMPARED)).astype(np.int64)
        tokens, lengths, _ = self.take(at)
        examples = [Example(tokens=t, lengths=n) for t, n in zip(tokens, lengths, strict=True)]
        ours, theirs = (r.decode(examples) for r in (self.representation, representation))
        return bool(ours == theirs)

    def batches(self, size: int) -> Iterator[tuple[np.ndarray, Batch]]:
        """All examples in order: the stored tokens (B, T, ...) and the batch they make."""
        for start in range(0, len(self), size):
            taken = self.take(np.arange(start, min(start + size, len(self))))
            yield taken[0], Batch.of(self.representation, *taken)

    def draw(self, size: int, rng: np.random.Generator) -> np.ndarray:
        """`size` indices, with replacement, by weight."""
        if self.weights is None:
            return rng.integers(len(self), size=size)
        heights = self._heights
        drawn: np.ndarray = np.searchsorted(heights, rng.random(size) * heights[-1], side="right")
        return drawn

    def _draw_alike(self, size: int, rng: np.random.Generator) -> np.ndarray:
        """`size` indices that lie side by side, by length, among `BUCKETS` times as many draws:
        each example comes as often as by `draw`."""
        drawn = self.draw(size * BUCKETS, rng)
        order = np.argsort(self._lengths[drawn], kind="stable")
        bucket = int(rng.integers(BUCKETS))
        alike: np.ndarray = drawn[order[bucket * size : (bucket + 1) * size]]
        return alike

    @cached_property
    def _lengths(self) -> np.ndarray:
        """The steps of each example (M,)."""
        steps: np.ndarray = np.asarray(self.lengths)[self.rows].sum(axis=1)
        return steps

    @cached_property
    def _heights(self) -> np.ndarray:
        """The running sum of the weights: an example is drawn where a number falls in its part."""
        assert self.weights is not None
        return np.cumsum(self.weights, dtype=np.float64)

    def batch(self, size: int, seed: int, step: int, augment: bool) -> Batch:
        """The training batch of a step: a function of `seed` and `step` alone, so that a run
        that was broken off goes on with the very batches it would have seen.

        Examples that say themselves where they end come in batches of about equal length.
        """
        rng = np.random.default_rng((seed, step))
        alike = _ends_itself(self.representation)
        index = self._draw_alike(size, rng) if alike else self.draw(size, rng)
        tokens, lengths, controls = self.take(index)
        if augment:
            tokens, controls = self.representation.augment(tokens, controls, rng)
        return Batch.of(self.representation, tokens, lengths, controls, rng)

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
            controls=self.controls,
            weights=weights,
        )


def _ends_itself(representation: Representation[Any]) -> bool:
    """Whether an example is one segment, which goes to its own end."""
    return representation.spec.segments == 1 and representation.spec.end is not None


def _tensor(stored: np.ndarray) -> Tensor:
    """Stored unsigned integers -> int64, numbers as they are."""
    is_number = stored.dtype.kind == "f"
    return torch.from_numpy(stored.astype(np.float32 if is_number else np.int64))


def load_dataset(folder: str | Path, split: str = "train") -> Dataset:
    """Open one split of a prepared dataset. Raises `ValueError` that says what is missing."""
    folder = Path(folder)
    if split not in SPLITS:
        raise ValueError(f"there is no split {split!r}; there are {', '.join(SPLITS)}")
    _require(folder, "dataset.json", "tokens.npy", "lengths.npy", "split.npy")
    description = json.loads((folder / "dataset.json").read_text())
    representation = from_json(description["representation"])
    controls = None
    if representation.spec.controls is not None:
        _require(folder, "controls.npy")
        controls = np.load(folder / "controls.npy", mmap_mode="r")
    rows = np.flatnonzero(np.load(folder / "split.npy") == SPLITS.index(split))
    if not len(rows):
        raise ValueError(f"the dataset {folder} has no examples in its {split} split")
    weights = folder / "weights.npy"
    return Dataset(
        representation=representation,
        tokens=np.load(folder / "tokens.npy", mmap_mode="r"),
        lengths=np.load(folder / "lengths.npy", mmap_mode="r"),
        rows=rows,
        controls=controls,
        weights=np.load(weights)[rows] if weights.is_file() else None,
    )


def _require(folder: Path, *names: str) -> None:
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise ValueError(
            f"{folder} is no prepared dataset ({', '.join(missing)} missing); "
            "make one with: musicvae prepare"
        )
