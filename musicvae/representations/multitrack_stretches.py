"""Stretches of a score in one tempo and meter, cut into bars as the reference cuts them.

Each stretch is played with its pedals and cut into bars of equal seconds. Notes end at bar lines
and are not struck again. Only bars of four quarters count.

Letters: N notes, B bars.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from musicvae.notes.errors import Rejected
from musicvae.notes.pedal import sustain
from musicvae.notes.quantize import quantize
from musicvae.notes.score import Meter, Pedals, Score, StepScore
from musicvae.notes.transform import split_at, time_changes
from musicvae.representations.bar_windows import LONGEST_BARS
from musicvae.representations.chord_controls import Triads
from musicvae.representations.melody_events import count_dropped
from musicvae.representations.multitrack_chords import chords_of_stretch
from musicvae.representations.performance_events import MOST_STEPS, STEPS_PER_QUARTER

QUARTERS_PER_BAR = MOST_STEPS // STEPS_PER_QUARTER


@dataclass(frozen=True, eq=False, kw_only=True)
class Stretch:
    """The notes of a stretch of one tempo and meter, by order of their starts, in its bars."""

    bar: np.ndarray  # (N,) int64
    track: np.ndarray  # (N,) int64
    start: np.ndarray  # (N,) int64, steps from the beginning of the bar
    end: np.ndarray  # (N,) int64
    pitch: np.ndarray  # (N,) int64
    velocity: np.ndarray  # (N,) int64
    begins: np.ndarray  # (B,) seconds from the start of the score
    classes: np.ndarray | None  # (B, 97) int8, of the chords at each step
    offset: float  # of the stretch, in seconds
    qpm: float
    meter: Meter


def stretches_of(score: Score, chords: Triads | None, dropped: dict[str, int]) -> Iterator[Stretch]:
    """The stretches of a score that the reference reads; counts those that it does not.

    Raises `Rejected` "too-long" for what can be no music.
    """
    pedals = score.pedals
    if len(pedals):  # what moves from the last note's end on counts for nothing
        at = pedals.time < score.total_seconds
        pedals = Pedals(time=pedals.time[at], track=pedals.track[at], down=pedals.down[at])
        score = replace(score, pedals=pedals)
    changes = time_changes(score)
    for offset, piece in zip([0.0, *changes], split_at(score, changes), strict=True):
        if not len(piece):
            continue
        piece, total = sustain(piece)
        try:
            steps = quantize(piece, STEPS_PER_QUARTER)
            if steps.steps_per_bar != MOST_STEPS:
                raise Rejected("unsupported-meter", f"bars of {steps.meter} are not taken")
            yield _cut(piece, steps, total, offset, chords)
        except Rejected as rejection:
            if rejection.reason == "too-long":
                raise
            count_dropped(dropped, rejection.reason)


def _cut(
    piece: Score, steps: StepScore, total: float, offset: float, chords: Triads | None
) -> Stretch:
    """The stretch that begins `offset` seconds in and lasts `total` seconds, cut into bars."""
    qpm = steps.qpm
    seconds_per_bar = 60.0 * QUARTERS_PER_BAR / qpm
    if total > LONGEST_BARS * seconds_per_bar:
        raise Rejected(
            "too-long",
            f"the file claims to last {total / seconds_per_bar:,.0f} bars, and at most "
            f"{LONGEST_BARS:,} are read: a note of it is probably misplaced",
        )
    lines = np.concatenate([[0.0], np.arange(seconds_per_bar, total, seconds_per_bar)])
    if total > lines[-1]:
        lines = np.append(lines, total)
    bars = len(lines) - 1
    bar = np.searchsorted(lines, piece.start, side="right") - 1
    heard = (bar < bars) & (piece.velocity > 0)
    bar = bar[heard]
    steps_per_second = STEPS_PER_QUARTER * qpm / 60.0
    start = _steps((piece.start[heard] - lines[bar]) * steps_per_second)
    end = np.minimum(piece.end[heard], lines[bar + 1]) - lines[bar]
    end = np.maximum(_steps(end * steps_per_second), start + 1)
    classes = None
    if chords is not None:
        last = np.zeros(bars, dtype=np.int64)
        np.maximum.at(last, bar, end)
        classes = chords_of_stretch(chords, piece, steps, lines, last)
    return Stretch(
        bar=bar,
        track=piece.track[heard].astype(np.int64),
        start=start,
        end=end,
        pitch=piece.pitch[heard].astype(np.int64),
        velocity=piece.velocity[heard].astype(np.int64),
        begins=offset + lines[:-1],
        offset=offset,
        qpm=qpm,
        meter=steps.meter,
        classes=classes,
    )


def _steps(steps: np.ndarray) -> np.ndarray:
    return (steps + 0.5).astype(np.int64)
