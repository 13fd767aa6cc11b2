"""The three streams of a trio: what their classes mean, and what they sound like."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from musicvae.notes.score import Track
from musicvae.representations.base import Example, Part
from musicvae.representations.drums_hits import NINE_EXEMPLARS, to_hits
from musicvae.representations.melody_events import CLASSES, FIRST_NOTE, to_notes

PART_NAMES = ("melody", "bass", "drums")
SIZES = (CLASSES, CLASSES, 512)  # a drum class is a combination of nine drums
LINES = (0, 1)  # the streams of notes; the last one is of hits

# The lowest class of each stream with which something starts.
FIRSTS = np.array([FIRST_NOTE, FIRST_NOTE, 1], dtype=np.uint16)
FIRSTS.setflags(write=False)

# As the reference decodes a trio: a piano, and the second bass of General MIDI.
DEFAULT_PARTS = (Part(program=0), Part(program=33), Part(program=0))


def events_of(example: Example) -> np.ndarray:
    """The valid steps of an example (T', 3), its bars one after another.

    Raises `ValueError` for a token that no stream has.
    """
    bars = example.tokens.reshape(len(example.lengths), -1, len(SIZES))
    valid = np.arange(bars.shape[1]) < np.asarray(example.lengths)[:, None].astype(np.int64)
    events: np.ndarray = bars[valid]
    for name, size, highest in zip(
        PART_NAMES, SIZES, events.max(axis=0, initial=0).tolist(), strict=True
    ):
        if highest >= size:
            raise ValueError(f"the {name} of a trio has tokens 0 to {size - 1}, not {highest}")
    return events


def parts_of(example: Example) -> tuple[Part, ...]:
    """How the streams of an example are to sound."""
    parts = example.origin.parts
    return parts if len(parts) == len(SIZES) else DEFAULT_PARTS


def read_stream(k: int, events: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Start step, end step and pitch of every note of stream `k`; a hit lasts one step."""
    if k in LINES:
        return to_notes(events)
    step, kind = to_hits(events)
    return step, step + 1, NINE_EXEMPLARS[kind].astype(np.int64)


def seat(
    k: int, parts: Sequence[Part], window: np.ndarray, tracks: list[Track]
) -> tuple[np.ndarray, np.ndarray]:
    """Velocity and track of the notes of stream `k` that start in `window` (N,).

    `parts` are that stream's, one a window. Adds a track for every program that plays; one that
    has no name is called by its part.
    """
    playing = [parts[w] for w in np.unique(window).tolist()]
    seats = {
        program: len(tracks) + i
        for i, program in enumerate(dict.fromkeys(p.program for p in playing))
    }
    names = {p.program: p.name for p in reversed(playing)}
    tracks += [
        Track(name=names[program] or PART_NAMES[k], program=program, is_drum=k not in LINES)
        for program in seats
    ]
    velocity = np.array([p.velocity for p in parts], dtype=np.int64)
    track = np.array([seats.get(p.program, 0) for p in parts], dtype=np.int64)
    return velocity[window], track[window]
