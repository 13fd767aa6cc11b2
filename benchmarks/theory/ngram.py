"""A judge that is none of the models: n-grams, interpolated as Witten & Bell (1991) do.

P(w | h) = (c(h w) + T(h) P(w | h')) / (c(h) + T(h)), where c counts, T(h) is how many different
tokens were seen behind h, and h' is h without its first token; below one token all are alike.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

BEGIN = -1


@dataclass(frozen=True, eq=False)
class NGrams:
    """`counts[h][w]` for every history h of fewer than `order` tokens."""

    order: int
    classes: int
    counts: dict[tuple[int, ...], Counter[int]]

    @classmethod
    def fit(cls, sequences: Iterable[Sequence[int]], classes: int, order: int = 5) -> Self:
        """Count all that is in some sequences of tokens."""
        counts: dict[tuple[int, ...], Counter[int]] = defaultdict(Counter)
        for sequence in sequences:
            row = [BEGIN] * (order - 1) + [int(token) for token in sequence]
            for at in range(order - 1, len(row)):
                for length in range(order):
                    counts[tuple(row[at - length : at])][row[at]] += 1
        return cls(order, classes, dict(counts))

    def probability(self, history: tuple[int, ...], token: int) -> float:
        """P(token | history) of at most order - 1 tokens."""
        shorter = self.probability(history[1:], token) if history else 1 / self.classes
        seen = self.counts.get(history)
        if seen is None:
            return shorter
        kinds = len(seen)
        return (seen[token] + kinds * shorter) / (seen.total() + kinds)

    def bits(self, sequence: Sequence[int]) -> float:
        """-log2 P of a sequence."""
        row = [BEGIN] * (self.order - 1) + [int(token) for token in sequence]
        steps = range(self.order - 1, len(row))
        return -sum(
            math.log2(self.probability(tuple(row[at - self.order + 1 : at]), row[at]))
            for at in steps
        )

    def bits_a_step(self, sequences: Sequence[Sequence[int]]) -> np.ndarray:
        """Of each sequence: (N,)."""
        return np.array([self.bits(s) / len(s) for s in sequences])
