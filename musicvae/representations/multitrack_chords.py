"""What a multitrack model is told of the chords: at each event the triad in force at its step.

Where a track tells its program there is no chord, and its end token has that of the event before.
Published with `hier-multiperf_vel_1bar_med_chords` and `..._big_chords`.

Letters: B bars, G tracks of single bars, L = 64 tokens of a track.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from musicvae.notes.chord_inference import CHORDS_PER_BAR
from musicvae.notes.chords import is_chord
from musicvae.notes.errors import Rejected
from musicvae.notes.quantize import STEPS_PER_QUARTER as SIXTEENTHS_PER_QUARTER
from musicvae.notes.score import Score, StepScore
from musicvae.representations.chord_controls import Triads, tell_score
from musicvae.representations.chord_strict import tell_stretch
from musicvae.representations.multitrack_meters import BarLines
from musicvae.representations.performance_events import (
    MOST_STEPS,
    PROGRAM,
    STEPS_PER_QUARTER,
    spoken,
    steps_of,
)

STEPS_PER_SIXTEENTH = STEPS_PER_QUARTER // SIXTEENTHS_PER_QUARTER
SPOILED = -1  # a chord that cannot be told
_STEPS = np.arange(MOST_STEPS + 1)  # of a bar, and its end
_Chord = tuple[float, str, int]  # seconds, symbol, class


def tell_tracks(
    classes: np.ndarray, bar: np.ndarray, tokens: np.ndarray, lengths: np.ndarray
) -> np.ndarray:
    """Classes at the steps of bars (B, 97) -> those at tokens (G, L) of tracks in `bar` (G,)."""
    told: np.ndarray = classes[bar[:, None], np.minimum(steps_of(tokens), MOST_STEPS)]
    rows = np.arange(len(tokens))
    inside = np.minimum(lengths, tokens.shape[1])
    told[rows, inside - 1] = told[rows, inside - 2]
    told[:, 0] = 0
    told[np.arange(tokens.shape[1]) >= inside[:, None]] = 0
    return told


def chords_of_lines(
    chords: Triads, score: Score, lines: BarLines, remarks: list[str]
) -> np.ndarray:
    """The chords of a score, stated or inferred, to a sixteenth: classes (B, 97)."""
    sixteenths = int((lines.begin[-1] + MOST_STEPS) // STEPS_PER_SIXTEENTH) + 1
    told = tell_score(chords, score, sixteenths, remarks)
    steps = (lines.begin - lines.upbeat)[:, None] + _STEPS
    at = np.minimum(np.maximum(steps, 0) // STEPS_PER_SIXTEENTH, sixteenths - 1)
    classes: np.ndarray = told.rows[told.codes[at]]
    return classes


def chords_of_stretch(
    chords: Triads, piece: Score, steps: StepScore, lines: np.ndarray, ends: np.ndarray
) -> np.ndarray:
    """As the reference tells them: classes (B, 97) in bars between `lines` (B + 1,) in seconds.

    A bar knows the chords up to its last note's end, `ends` (B,) steps in; behind it the last one
    goes on. Two different chords on a step spoil the bar. Raises `Rejected` where none can be
    inferred.
    """
    per_second = steps.steps_per_quarter * steps.qpm / 60
    if piece.chords:
        stated = sorted(piece.chords, key=lambda chord: chord.time)
        found = [(c.time, c.symbol, _class_of(chords, c.symbol)) for c in stated]
    else:
        found = list(_inferred(chords, piece, steps, per_second))
    times = np.array([time for time, _, _ in found])
    first = np.searchsorted(times, lines[:-1], side="right") - 1
    last = np.searchsorted(times, lines[1:], side="left")
    classes = np.zeros((len(ends), len(_STEPS)), dtype=np.int8)
    for bar, (a, b, line, end) in enumerate(
        zip(first.tolist(), last.tolist(), lines.tolist(), ends.tolist(), strict=False)
    ):
        before: tuple[int, str] | None = None
        for time, symbol, code in found[max(a, 0) : b]:
            step = max(int((time - line) * per_second + 0.5), 0)
            if step >= end:
                break
            clash = before is not None and before[0] == step and before[1] != symbol
            classes[bar, step:] = SPOILED if clash else code
            if clash:
                classes[bar] = SPOILED
                break
            before = (step, symbol)
    return classes


def _class_of(chords: Triads, symbol: str) -> int:
    if not is_chord(symbol):
        return SPOILED
    try:
        return int(chords.row(symbol, 0, exact=True))
    except Rejected:
        return SPOILED


def _inferred(
    chords: Triads, piece: Score, steps: StepScore, per_second: float
) -> Iterator[_Chord]:
    """The chords heard in a stretch, each where it changes."""
    told = tell_stretch(chords, piece, steps, np.ones(len(piece), dtype=bool), MOST_STEPS)
    per_bar = CHORDS_PER_BAR[steps.meter.numerator, steps.meter.denominator]
    size = int(steps.steps_per_bar / per_bar)
    codes = told.codes[: max(steps.total_steps, 1) : size].tolist()
    for frame, code in enumerate(codes):
        if frame == 0 or code != codes[frame - 1]:
            yield frame * (size / per_second), str(code), int(told.rows[code])


def read_chords(
    tokens: np.ndarray, lengths: np.ndarray, controls: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The steps and classes of the chords that the tracks of a bar were told, in order.

    Tokens, controls (G, L) and lengths (G,) of one bar. Steps are those of sixteenths. Where tracks
    were told different ones, the first track counts. What ends with the bar was told the chord of
    the next one, and says it there.
    """
    steps = steps_of(tokens)
    events = spoken(tokens, lengths) & (tokens < PROGRAM)
    events[:, 0] = False
    step = steps[events] // STEPS_PER_SIXTEENTH
    found, first = np.unique(step, return_index=True)
    classes: np.ndarray = controls[events][first]
    changes = np.append(True, classes[1:] != classes[:-1])[: len(found)]
    return found[changes] * STEPS_PER_SIXTEENTH, classes[changes]
