"""How the drums of a kit are told apart, and how a model writes those that are struck together.

The published models read nine or sixty-one labels, with a column more for "nothing sounds". They
write one of the 512 combinations of nine drums (`cat-drums`), or label by label (`nade-drums`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from musicvae.representations.base import Categorical, MultiLabel
from musicvae.representations.drums_hits import (
    NINE,
    NINE_EXEMPLARS,
    SIXTY_ONE,
    SIXTY_ONE_EXEMPLARS,
    to_roll,
)


@dataclass(frozen=True, kw_only=True)
class CombinedNine:
    """Nine drums; a step is the number of their combination, the sum of 2 ** class."""

    classes: ClassVar[np.ndarray] = NINE  # (128,) int8, the class of each pitch or -1
    exemplars: ClassVar[np.ndarray] = NINE_EXEMPLARS  # (9,) uint8, the pitch that each sounds with
    outputs: ClassVar[Categorical] = Categorical(512)

    def to_tokens(self, masks: np.ndarray) -> np.ndarray:
        """Masks (..., T) of what is struck -> tokens (..., T) uint16."""
        return masks.astype(np.uint16)

    def to_roll(self, tokens: np.ndarray) -> np.ndarray:
        """Tokens (..., T) -> (..., T, 9) uint8. Raises `ValueError` for one beyond 511."""
        if tokens.max(initial=0) >= self.outputs.size:
            raise ValueError(f"drums have tokens 0 to 511, not {tokens.max()}")
        return to_roll(tokens, len(self.exemplars))


@dataclass(frozen=True, kw_only=True)
class SeparateNine:
    """Nine drums; a step is nine labels of 0 and 1."""

    classes: ClassVar[np.ndarray] = NINE
    exemplars: ClassVar[np.ndarray] = NINE_EXEMPLARS
    outputs: ClassVar[MultiLabel] = MultiLabel(9)

    def to_tokens(self, masks: np.ndarray) -> np.ndarray:
        """Masks (..., T) of what is struck -> tokens (..., T, 9) uint8."""
        return to_roll(masks, len(self.exemplars))

    def to_roll(self, tokens: np.ndarray) -> np.ndarray:
        """The tokens themselves."""
        return tokens


@dataclass(frozen=True, kw_only=True)
class SeparateSixtyOne:
    """Sixty-one drums, each pitch its own; a step is sixty-one labels of 0 and 1."""

    classes: ClassVar[np.ndarray] = SIXTY_ONE
    exemplars: ClassVar[np.ndarray] = SIXTY_ONE_EXEMPLARS
    outputs: ClassVar[MultiLabel] = MultiLabel(61)

    def to_tokens(self, masks: np.ndarray) -> np.ndarray:
        """Masks (..., T) of what is struck -> tokens (..., T, 61) uint8."""
        return to_roll(masks, len(self.exemplars))

    def to_roll(self, tokens: np.ndarray) -> np.ndarray:
        """The tokens themselves."""
        return tokens


Kit = CombinedNine | SeparateNine | SeparateSixtyOne
