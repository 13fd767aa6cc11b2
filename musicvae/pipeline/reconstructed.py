"""A source and what came back of it from the latent space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from musicvae.metrics import bar_accuracy, step_accuracy
from musicvae.representations.base import Example, Representation


@dataclass(frozen=True, eq=False, kw_only=True)
class Reconstructed:
    """A source and its way through the model, and how much of it came back right.

    `accuracy` (N, S) is that of each window's segments, nan for those that only fill the window
    up; `share` that of all steps.
    """

    source: Any
    result: Any
    accuracy: np.ndarray
    share: float

    @staticmethod
    def of(
        representation: Representation[Any], true: Sequence[Example], back: Sequence[Example]
    ) -> Reconstructed:
        """Compare examples with what came `back`, over the steps that `back` has."""
        tokens, others = (np.stack([e.tokens for e in x]) for x in (back, true))
        lengths = np.stack([e.lengths for e in back]).astype(np.int64)
        return Reconstructed(
            source=representation.decode(true),
            result=representation.decode(back),
            accuracy=bar_accuracy(tokens, others, lengths),
            share=step_accuracy(tokens, others, lengths),
        )

    @property
    def bars(self) -> np.ndarray:
        """`accuracy` of the source's segments, one after another."""
        bars: np.ndarray = self.accuracy[~np.isnan(self.accuracy)]
        return bars
