"""The 90 events of a melody, one a sixteenth: 0 goes on (holds the note, or the rest), 1 ends the
note, 2 to 89 start a note of MIDI pitch 21 (A0) to 108 (C8), the keys of a piano. As published.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from musicvae.representations.base import Origin

HOLD = 0
NOTE_OFF = 1
FIRST_NOTE = 2
LOWEST_PITCH = 21
HIGHEST_PITCH = 108
CLASSES = FIRST_NOTE + HIGHEST_PITCH - LOWEST_PITCH + 1  # 90
STEPS_PER_BAR = 16  # of 4/4


@dataclass(frozen=True, eq=False, kw_only=True)
class Windows:
    """What an extraction found, in columns: N windows of B bars.

    `dropped` counts windows by reason, `remarks` are sentences for a person. `origins` are worked
    out when they are asked for: a dataset does not need them.
    """

    tokens: np.ndarray  # (N, B * L) uint8, in bars of L slots
    lengths: np.ndarray  # (N, B) uint16, valid steps of each bar
    filler: np.ndarray  # (N,) int64, bars at the end that only fill the window up
    origins: Callable[[], tuple[Origin, ...]]  # N of them
    dropped: dict[str, int] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    controls: np.ndarray | None = None  # (N, B * L, ...) uint8: the meter or the chords

    def __len__(self) -> int:
        return len(self.tokens)


def count_dropped(dropped: dict[str, int], reason: str, windows: int = 1) -> None:
    """Count windows that an extraction leaves out."""
    if windows:
        dropped[reason] = dropped.get(reason, 0) + windows


def fold_pitch(pitch: np.ndarray) -> np.ndarray:
    """MIDI pitches moved by octaves into 21 to 108; int64."""
    pitch = pitch.astype(np.int64)
    up = -(-(LOWEST_PITCH - pitch) // 12) * 12
    down = -(-(pitch - HIGHEST_PITCH) // 12) * 12
    folded: np.ndarray = pitch + np.maximum(up, 0) - np.maximum(down, 0)
    return folded


def transpose_events(tokens: np.ndarray, semitones: np.ndarray | int) -> np.ndarray:
    """Every note of `tokens` moved by `semitones` (broadcast against them), folded into range.

    Holds and note-offs stay. The shape and the type of `tokens` are kept.
    """
    is_note = tokens >= FIRST_NOTE
    pitch = fold_pitch(tokens.astype(np.int64) - FIRST_NOTE + LOWEST_PITCH + semitones)
    moved = np.where(is_note, pitch - LOWEST_PITCH + FIRST_NOTE, tokens)
    return moved.astype(tokens.dtype)


def to_events(start: np.ndarray, end: np.ndarray, pitch: np.ndarray, steps: int) -> np.ndarray:
    """Notes in order that do not overlap -> events (steps,) uint8.

    `start` and `end` are steps, `pitch` lies within 21 to 108. What lies at or behind `steps` is
    left out: a note that ends there simply lasts.
    """
    events = np.zeros(steps, dtype=np.uint8)
    events[end[end < steps]] = NOTE_OFF
    inside = start < steps
    events[start[inside]] = (pitch - LOWEST_PITCH + FIRST_NOTE)[inside]
    return events


def to_notes(events: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Events (T,) -> start step, end step and pitch of every note. Total: any events will do.

    A note ends at the next note or note-off, the last one at T.
    """
    at = np.flatnonzero(events)
    values = events[at].astype(np.int64)
    ends = np.append(at[1:], len(events))
    note = values >= FIRST_NOTE
    return at[note], ends[note], values[note] - FIRST_NOTE + LOWEST_PITCH
