"""Small scores for the tests of the melody representation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from musicvae.notes.score import Meter, Score, Tempo, Track

Note = tuple[float, float, int]  # start and end in quarter notes, pitch


def score(
    *parts: Sequence[Note],
    tracks: Sequence[Track] | None = None,
    qpm: float = 120.0,
    meters: Sequence[tuple[float, int, int]] = (),
    velocity: int = 80,
) -> Score:
    """A score of one track a part; times, also those of the meters, in quarter notes."""
    rows = [(a, b, p, k) for k, part in enumerate(parts) for a, b, p in part]
    table = np.array(rows, dtype=np.float64).reshape(-1, 4)
    quarter = 60 / qpm
    return Score(
        pitch=table[:, 2].astype(np.uint8),
        velocity=np.full(len(rows), velocity, dtype=np.uint8),
        start=table[:, 0] * quarter,
        end=table[:, 1] * quarter,
        track=table[:, 3].astype(np.int32),
        tracks=tuple(tracks or [Track()] * len(parts)),
        tempos=(Tempo(0.0, qpm),),
        meters=tuple(Meter(at * quarter, n, d) for at, n, d in meters),
    )


def notes_of(music: Score) -> list[tuple[float, float, int]]:
    """Start and end in quarter notes (rounded far below a step) and pitch, in order of time."""
    start, end = music.quarters_at(music.start), music.quarters_at(music.end)
    rows = zip(start.round(6).tolist(), end.round(6).tolist(), music.pitch.tolist(), strict=True)
    return sorted(rows)
