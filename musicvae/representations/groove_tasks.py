"""What an encoder is told of a groove, and what it must find out: the tasks of Gillick et al. 2019.

A task takes a batch of strokes (B, T, 27), as other tasks have left it, and the strokes as they are
played; it returns what is left of them. Several tasks follow one another.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from musicvae.representations.drums_hits import NINE_NAMES
from musicvae.representations.groove_strokes import DRUMS, HITS, OFFSETS, VELOCITIES

OPEN_HI_HAT = NINE_NAMES.index("open hi-hat")
CLOSED_HI_HAT = NINE_NAMES.index("closed hi-hat")

Random = np.random.Generator | None


@dataclass(frozen=True, kw_only=True)
class Humanize:
    """The score alone: all hits, without their velocities and offsets."""

    def apply(self, left: np.ndarray, played: np.ndarray, rng: Random) -> np.ndarray:
        """Zeroes two of the three parts."""
        kept = left.copy()
        kept[..., VELOCITIES] = 0
        kept[..., OFFSETS] = 0
        return kept


@dataclass(frozen=True, kw_only=True)
class Tap:
    """The rhythm alone, as tapped with a finger: at each step the loudest stroke, on the open
    hi-hat, and nothing of the others."""

    def apply(self, left: np.ndarray, played: np.ndarray, rng: Random) -> np.ndarray:
        """The loudest is found in what is left and told as it is played: as published, so that a
        kick alone at its step is heard even where it was dropped."""
        loudest = left[..., VELOCITIES].argmax(axis=-1)[..., None]
        tapped = np.zeros_like(left)
        for part in range(3):
            column = np.take_along_axis(played, loudest + part * DRUMS, axis=-1)
            tapped[..., OPEN_HI_HAT + part * DRUMS] = column[..., 0]
        return tapped


@dataclass(frozen=True, kw_only=True)
class FixedVelocity:
    """No velocities: all strokes equally loud."""

    def apply(self, left: np.ndarray, played: np.ndarray, rng: Random) -> np.ndarray:
        """Zeroes one of the three parts."""
        kept = left.copy()
        kept[..., VELOCITIES] = 0
        return kept


@dataclass(frozen=True, kw_only=True)
class WithoutDrum:
    """All drums but one, which is to be added: by default the closed hi-hat."""

    drum: int = CLOSED_HI_HAT

    def __post_init__(self) -> None:
        if not 0 <= self.drum < DRUMS:
            names = ", ".join(f"{k} {name}" for k, name in enumerate(NINE_NAMES))
            raise ValueError(f"there is no drum {self.drum}; there are {names}")

    def apply(self, left: np.ndarray, played: np.ndarray, rng: Random) -> np.ndarray:
        """Zeroes the three columns of the drum."""
        kept = left.copy()
        kept[..., self.drum :: DRUMS] = 0
        return kept


@dataclass(frozen=True, kw_only=True)
class NoteDropout:
    """Some strokes are not told, soft ones more often.

    Each example draws a probability up to `most`; a stroke is dropped with that times 1 - velocity,
    at least times 0.2. As published, in use as well: without an `rng` all examples then draw the
    same numbers, those of a generator with seed 0.
    """

    most: float = 0.8

    def __post_init__(self) -> None:
        if not 0 <= self.most <= 1:
            raise ValueError(f"the most that is dropped is a share from 0 to 1, not {self.most}")

    def apply(self, left: np.ndarray, played: np.ndarray, rng: Random) -> np.ndarray:
        """Zeroes the three columns of the strokes that are dropped."""
        velocity = left[..., VELOCITIES]
        shape = (1 if rng is None else len(velocity), *velocity.shape[1:])
        rng = np.random.default_rng(0) if rng is None else rng
        share = rng.uniform(0, self.most, size=(shape[0], 1, 1))
        return drop(left, rng.random(shape) < share * np.maximum(0.2, 1 - velocity))


@dataclass(frozen=True, kw_only=True)
class HitsAsControls:
    """Which drums are struck is told at every step, to encoder and decoder: what remains to be
    learnt is how."""

    def apply(self, left: np.ndarray, played: np.ndarray, rng: Random) -> np.ndarray:
        """Everything is left: the controls come on top of it."""
        return left


Task = Humanize | Tap | FixedVelocity | WithoutDrum | NoteDropout | HitsAsControls


def hits(strokes: np.ndarray) -> np.ndarray:
    """Strokes (..., 27) -> which drums are struck (..., 9), bool."""
    struck: np.ndarray = strokes[..., HITS] > 0.5
    return struck


def drop(strokes: np.ndarray, dropped: np.ndarray) -> np.ndarray:
    """Strokes (..., 27) without those of the mask (..., 9)."""
    return np.where(np.concatenate([dropped] * 3, axis=-1), strokes.dtype.type(0), strokes)
