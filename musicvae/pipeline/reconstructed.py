"""A source and what came back of it from the latent space."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from musicvae.metrics import bar_accuracy, step_accuracy, valid_steps
from musicvae.representations.base import Example, Representation


@dataclass(frozen=True, eq=False, kw_only=True)
class Reconstructed:
    """A source and its way through the model, and how much of it came back right.

    `accuracy` (N, S) is that of each window's segments, nan for those that only fill the window
    up; `share` that of all steps. Of several parts both are the mean, and `parts` has the share of
    each. Of a groove the hits are counted, as velocities and offsets never come back alike.
    `before` and `after` are the N windows themselves.
    """

    source: Any
    result: Any
    before: tuple[Example, ...]
    after: tuple[Example, ...]
    accuracy: np.ndarray
    share: float
    parts: Mapping[str, float]
    linked: bool = True  # segments follow one another in time, and are bars

    @staticmethod
    def of(
        representation: Representation[Any],
        true: Sequence[Example],
        back: Sequence[Example],
        right: np.ndarray,
    ) -> Reconstructed:
        """Compare examples with what came `back`, over the steps of all that was made anew.

        `right` (N, T, C): where each of C streams of tokens is as it was.
        """
        made, there = (np.stack([e.lengths for e in x]).astype(np.int64) for x in (back, true))
        lengths = np.where(made > 0, there, 0)  # nothing is made of filler
        right = right & valid_steps(made, right.shape[1])[..., None]  # what is not there is wrong
        streams = np.moveaxis(right, -1, 0)  # (C, N, T)
        shares = [step_accuracy(stream, np.ones_like(stream), lengths) for stream in streams]
        names: tuple[str, ...] = getattr(representation, "part_names", ())
        return Reconstructed(
            source=representation.decode(true),
            result=representation.decode(back),
            before=tuple(true),
            after=tuple(back),
            accuracy=np.mean([bar_accuracy(s, np.ones_like(s), lengths) for s in streams], axis=0),
            share=float(np.mean(shares)),
            parts=dict(zip(names, shares, strict=False)),
            linked=representation.spec.end is None,
        )

    @property
    def bars(self) -> np.ndarray:
        """`accuracy` of the source's bars, one after another."""
        bars = self.accuracy if self.linked else self.accuracy.mean(axis=1)
        there: np.ndarray = bars[~np.isnan(bars)]
        return there
