"""Hits of drums on a grid, in the classes of the published drum models.

Nine classes: kick, snare, closed hi-hat, open hi-hat, low, mid and high tom, crash, ride. Every
General MIDI drum, and the two hi-hats of electronic kits below it (22, 26), belongs to one of them.
The first pitch of a class is the one that it is played with. Sixty-one classes: one a pitch.
The tables are note-seq's (`DEFAULT_DRUM_TYPE_PITCHES`) and magenta's (its order of 61 pitches).
"""

from __future__ import annotations

import numpy as np

from musicvae.notes.score import StepScore

NINE_NAMES = (
    "kick", "snare", "closed hi-hat", "open hi-hat", "low tom", "mid tom", "high tom", "crash",
    "ride",
)  # fmt: skip

NINE_PITCHES = (
    (36, 35),
    (38, 27, 28, 31, 32, 33, 34, 37, 39, 40, 56, 65, 66, 75, 85),
    (42, 44, 54, 68, 69, 70, 71, 73, 78, 80, 22),
    (46, 67, 72, 74, 79, 81, 26),
    (45, 29, 41, 43, 61, 64, 84),
    (48, 47, 60, 63, 77, 86, 87),
    (50, 30, 62, 76, 83),
    (49, 52, 55, 57, 58),
    (51, 53, 59, 82),
)

SIXTY_ONE_PITCHES = (
    36, 35,
    38, 27, 28, 31, 32, 33, 34, 37, 39, 40, 56, 65, 66, 75, 85,
    42, 44, 54, 68, 69, 70, 71, 73, 78, 80,
    46, 67, 72, 74, 79, 81,
    45, 29, 41, 61, 64, 84,
    48, 47, 60, 63, 77, 86, 87,
    50, 30, 43, 62, 76, 83,
    49, 55, 57, 58,
    51, 52, 53, 59, 82,
)  # fmt: skip


def _table(classes: tuple[tuple[int, ...], ...]) -> np.ndarray:
    table = np.full(128, -1, dtype=np.int8)
    for k, pitches in enumerate(classes):
        table[list(pitches)] = k
    table.setflags(write=False)
    return table


# The class of each MIDI pitch (128,) int8, -1 for a pitch of none; and what a class is played with.
NINE = _table(NINE_PITCHES)
NINE_EXEMPLARS = np.array([pitches[0] for pitches in NINE_PITCHES], dtype=np.uint8)
SIXTY_ONE = _table(tuple((pitch,) for pitch in SIXTY_ONE_PITCHES))
SIXTY_ONE_EXEMPLARS = np.array(SIXTY_ONE_PITCHES, dtype=np.uint8)


def read_hits(
    steps: StepScore, rows: np.ndarray, classes: np.ndarray = NINE
) -> tuple[np.ndarray, np.ndarray]:
    """The notes at `rows` (indices or a mask) -> step (N,) int64 and class (N,) int64 of each hit.

    Notes of velocity 0 and of a pitch without a class in `classes` (128,) are left out. The order
    is that of the notes, and a drum may be struck twice in a step.
    """
    kind = classes[steps.pitch[rows]].astype(np.int64)
    heard = (kind >= 0) & (steps.velocity[rows] > 0)
    return steps.start_step[rows][heard].astype(np.int64), kind[heard]


def to_masks(step: np.ndarray, kind: np.ndarray, total_steps: int) -> np.ndarray:
    """Hits -> (T,) uint64: the sum of 2 ** class over what is struck in a step.

    Hits at or behind `total_steps` are left out.
    """
    masks = np.zeros(total_steps, dtype=np.uint64)
    inside = step < total_steps
    np.bitwise_or.at(masks, step[inside], np.uint64(1) << kind[inside].astype(np.uint64))
    return masks


def to_tokens(step: np.ndarray, kind: np.ndarray, total_steps: int) -> np.ndarray:
    """`to_masks` of the nine classes as (T,) uint16, 0 to 511: the published 512 classes."""
    return to_masks(step, kind, total_steps).astype(np.uint16)


def to_roll(masks: np.ndarray, classes: int) -> np.ndarray:
    """Masks or tokens (..., T) of any integer type -> (..., T, classes) uint8 of 0 and 1."""
    bits: np.ndarray = masks[..., None] >> np.arange(classes).astype(masks.dtype) & 1
    return bits.astype(np.uint8)


def to_hits(tokens: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Tokens (T,) of nine classes -> step and class of every hit, in order of time, then class."""
    step, kind = to_roll(tokens, len(NINE_PITCHES)).nonzero()
    return step, kind
