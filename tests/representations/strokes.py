"""Short drum parts for the tests."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from musicvae.notes.quantize import seconds_at
from musicvae.notes.score import Meter, Score, Tempo, Track


def beat(
    strokes: Sequence[tuple[float, int, int]],
    *,
    tempos: tuple[Tempo, ...] = (Tempo(0.0, 120.0),),
    meters: tuple[Meter, ...] = (),
    track: Track = Track(is_drum=True),  # noqa: B008 - frozen
) -> Score:
    """Strokes of (sixteenths from the start, pitch, velocity) on one track."""
    at, pitch, velocity = (np.array(c) for c in zip(*strokes, strict=True))
    clock = Score(
        pitch=np.zeros(0, np.uint8),
        velocity=np.zeros(0, np.uint8),
        start=np.zeros(0),
        end=np.zeros(0),
        track=np.zeros(0, np.int32),
        tracks=(),
        tempos=tempos,
    )
    return Score(
        pitch=pitch.astype(np.uint8),
        velocity=velocity.astype(np.uint8),
        start=seconds_at(clock, at / 4),
        end=seconds_at(clock, (at + 0.5) / 4),
        track=np.zeros(len(at), dtype=np.int32),
        tracks=(track,),
        tempos=tempos,
        meters=meters,
    )
