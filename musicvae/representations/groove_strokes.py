"""Strokes of nine drums on a grid of sixteenths: which drums, how loud, how far beside the grid.

A step is 27 numbers: nine hits (0 or 1), nine velocities (of 127), nine offsets. An offset is twice
the distance from the grid in steps: 1 is half a step early, -1 half a step late (Gillick et al.
2019). The classes are those of `drums_hits`; a kit says which pitches are which class.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from musicvae.representations.base import Origin
from musicvae.representations.drums_hits import NINE_EXEMPLARS, NINE_NAMES, NINE_PITCHES
from musicvae.representations.melody_events import STEPS_PER_BAR

DRUMS = len(NINE_NAMES)
STEPS_OF_OFFSET = 0.5  # so far from the grid lies an offset of 1
LOUDEST = 127

HITS, VELOCITIES, OFFSETS = (slice(k * DRUMS, (k + 1) * DRUMS) for k in range(3))


ROLAND_PITCHES = (
    (36,), (38, 37, 40), (42, 22, 44), (46, 26), (43, 58), (47, 45), (50, 48), (49, 52, 55, 57),
    (51, 53, 59),
)  # fmt: skip


def _table(pitches: tuple[tuple[int, ...], ...]) -> np.ndarray:
    table = np.full(128, -1, dtype=np.int64)
    for drum, own in enumerate(pitches):
        table[list(own)] = drum
    table.setflags(write=False)
    return table


@dataclass(frozen=True)
class GeneralMidiKit:
    """General MIDI's percussion in nine classes: what the published models read in use."""

    classes: ClassVar[np.ndarray] = _table(NINE_PITCHES)  # (128,), the drum of a pitch or -1
    exemplars: ClassVar[np.ndarray] = NINE_EXEMPLARS  # (9,) uint8, the pitch of a drum


@dataclass(frozen=True)
class RolandKit:
    """The 22 pitches of the electronic kit of the Groove MIDI data set (a Roland TD-11, magenta's
    `ROLAND_DRUM_PITCH_CLASSES`): what the published models were trained on."""

    classes: ClassVar[np.ndarray] = _table(ROLAND_PITCHES)
    exemplars: ClassVar[np.ndarray] = np.array([own[0] for own in ROLAND_PITCHES], dtype=np.uint8)


Kit = GeneralMidiKit | RolandKit


@dataclass(frozen=True, eq=False, kw_only=True)
class GrooveWindows:
    """What an extraction found, in columns: N windows of B bars.

    `dropped` counts windows by reason, `remarks` are sentences for a person. `origins` are worked
    out when they are asked for: a dataset does not need them.
    """

    tokens: np.ndarray  # (N, B * 16, 27) float32
    filler: np.ndarray  # (N,) int64, bars at the end that only fill the window up
    origins: Callable[[], tuple[Origin, ...]]  # N of them
    dropped: dict[str, int] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


def to_strokes(
    step: np.ndarray, late: np.ndarray, drum: np.ndarray, velocity: np.ndarray, total_steps: int
) -> np.ndarray:
    """Notes (N,) -> strokes (`total_steps`, 27) float32. All steps lie below `total_steps`.

    `late` is the distance behind the grid in steps, `velocity` 1 to 127. Of several notes of one
    drum in a step the loudest counts, of equally loud ones the first.
    """
    order = np.argsort(velocity[::-1], kind="stable")
    order = len(velocity) - 1 - order  # what counts comes last, and stays
    step, drum = step[order], drum[order]
    strokes = np.zeros((total_steps, 3 * DRUMS), dtype=np.float32)
    strokes[step, drum] = 1
    strokes[step, drum + DRUMS] = velocity[order] / LOUDEST
    strokes[step, drum + 2 * DRUMS] = late[order] / -STEPS_OF_OFFSET
    return strokes


def to_notes(strokes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Strokes (T, 27) -> time in steps, drum and velocity (uint8) of every hit. Total.

    Struck is what is above 0.5; a struck drum is heard, at a velocity of 1 to 127. Any numbers do.
    """
    strokes = np.nan_to_num(strokes.astype(np.float64), nan=0.0, posinf=1.0, neginf=-1.0)
    step, drum = np.nonzero(strokes[:, HITS] > 0.5)
    early = np.clip(strokes[step, drum + 2 * DRUMS], -1, 1) * STEPS_OF_OFFSET
    velocity = np.rint(np.clip(strokes[step, drum + DRUMS], 0, 1) * LOUDEST).clip(1)
    return step - early, drum, velocity.astype(np.uint8)


def cut_windows(
    strokes: np.ndarray, bars: int, *, hop: int, fill: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Strokes of whole bars -> the first bar of each window (W,), and tokens (W, bars * 16, 27).

    A window begins every `hop` bars. With `fill` the last one is filled up with silence, without
    it what does not fill a window is left out.
    """
    rows = strokes.reshape(-1, STEPS_PER_BAR * 3 * DRUMS)
    if fill:
        missing = -len(rows) % bars
        rows = np.concatenate([rows, np.zeros((missing, rows.shape[1]), dtype=rows.dtype)])
    first = np.arange(0, len(rows) - bars + 1, hop)
    tokens = rows[first[:, None] + np.arange(bars)]
    return first, tokens.reshape(len(first), bars * STEPS_PER_BAR, 3 * DRUMS)
