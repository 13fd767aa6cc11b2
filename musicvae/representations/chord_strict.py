"""The chords of a stretch of music, as the reference tells its models of them.

Its rules, as observed: a stretch that states no chord gets inferred ones, from the notes that are
used at all; only five meters have a number of chords a bar. Chords are put on the grid; before the
first there is none, the last goes on for ever, and two different ones on a step, or one that cannot
be told, spoil the stretch.
"""

from __future__ import annotations

import math

import numpy as np

from musicvae.notes.chord_inference import (
    CHORDS_PER_BAR,
    MOST_FRAMES,
    SYMBOLS,
    likeliest,
    pitch_class_weights,
    pitched,
)
from musicvae.notes.chords import is_chord
from musicvae.notes.errors import Rejected
from musicvae.notes.score import Score, StepScore
from musicvae.representations.chord_controls import ChordControls, Told, tell_chords


def tell_stretch(
    controls: ChordControls, piece: Score, steps: StepScore, used: np.ndarray, room: int
) -> Told:
    """What is told of a piece in one tempo and meter at its steps, and `room` steps beyond.

    `used` (N,) is a mask of the notes that count. Raises `Rejected`: "chords-unsupported-meter",
    "chords-too-long", "chords-coincide", "chord-unreadable", "chord-not-a-triad".
    """
    per_second = steps.steps_per_quarter * steps.qpm / 60
    keys: list[tuple[int, int]] = []
    if piece.chords:
        chords = _stated(piece, per_second, steps.total_steps)
    else:
        chords, keys = _inferred(piece, steps, per_second, used)
    if piece.keys:
        keys = [(int(k.time * per_second + 0.5), k.tonic) for k in piece.keys]
    return tell_chords(controls, chords, keys, steps.total_steps + room, exact=True)


def _stated(piece: Score, per_second: float, total_steps: int) -> list[tuple[int, str]]:
    chords = sorted(
        [(int(c.time * per_second + 0.5), c.symbol) for c in piece.chords], key=lambda c: c[0]
    )
    chords = [c for c in chords if c[0] < total_steps]
    for step in {step for step, _ in chords}:
        together = {symbol for at, symbol in chords if at == step}
        if len(together) > 1:
            names = " and ".join(sorted(together))
            raise Rejected("chords-coincide", f"the chords {names} stand on the same step")
    for _, symbol in chords:
        if not is_chord(symbol):
            raise Rejected("chord-unreadable", f"{symbol!r} is no chord symbol that can be read")
    return chords


def _inferred(
    piece: Score, steps: StepScore, per_second: float, used: np.ndarray
) -> tuple[list[tuple[int, str]], list[tuple[int, int]]]:
    per_bar = CHORDS_PER_BAR.get((steps.meter.numerator, steps.meter.denominator))
    if per_bar is None:
        raise Rejected("chords-unsupported-meter", f"no chords are inferred in {steps.meter}")
    steps_per_chord = int(steps.steps_per_bar / per_bar)
    seconds_per_chord = steps_per_chord / per_second
    frames = math.ceil(piece.total_seconds / seconds_per_chord)
    if not frames:
        return [], []  # notes without length alone
    if frames > MOST_FRAMES:
        raise Rejected("chords-too-long", f"{frames} chords to infer, and {MOST_FRAMES} at most")
    rows = pitched(piece)
    rows = rows[used[rows]]
    weights = pitch_class_weights(
        piece.pitch[rows],
        piece.start[rows],
        piece.end[rows],
        seconds_per_chord * np.arange(1, frames),
    )
    keys, chords = likeliest(weights).tolist()
    at = range(0, frames * steps_per_chord, steps_per_chord)
    return [(s, SYMBOLS[c]) for s, c in zip(at, chords, strict=True)], list(
        zip(at, keys, strict=True)
    )
