"""The highest voice of a track, on the grid of its own beats: one line without overlaps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from musicvae.notes.quantize import STEPS_PER_QUARTER, quarters_to_steps
from musicvae.notes.score import Score
from musicvae.representations.melody_events import HIGHEST_PITCH, LOWEST_PITCH, fold_pitch

# A lower note that starts under a sounding one is another voice, unless only so much sounds on:
# legato playing overlaps by less than a sixteenth.
LEGATO_STEPS = 1


@dataclass(frozen=True, eq=False, kw_only=True)
class Line:
    """One voice on the grid: notes in order that do not overlap, pitches within 21 to 108."""

    start: np.ndarray  # (N,) int64, steps from the start of the score
    end: np.ndarray  # (N,) int64
    pitch: np.ndarray  # (N,) int64
    velocity: np.ndarray  # (N,) uint8


def read_line(score: Score, track: int, remarks: list[str], *, lowest: bool = False) -> Line:
    """The highest voice of a track, or the lowest; says in `remarks` what was left out or moved."""
    rows = np.flatnonzero((score.track == track) & (score.velocity > 0))
    at = score.quarters_at(np.array([score.start[rows], score.end[rows]]))
    start, end = np.maximum(quarters_to_steps(at, STEPS_PER_QUARTER), 0)
    np.maximum(end, start + 1, out=end)
    pitch, velocity = score.pitch[rows].astype(np.int64), score.velocity[rows]
    one_voice = bool((start[1:] >= end[:-1]).all())  # in order, too
    if not one_voice:
        kept = _highest_voice(start, end, -pitch if lowest else pitch)
        start, end, pitch, velocity = start[kept], end[kept], pitch[kept], velocity[kept]
        np.minimum(end[:-1], start[1:], out=end[:-1])
    if len(start) < len(rows):
        remarks.append(
            f"{len(rows) - len(start)} of {len(rows)} notes left out: "
            f"{'higher' if lowest else 'lower'} voices, or more than one in a sixteenth"
        )
    outside = int(((pitch < LOWEST_PITCH) | (pitch > HIGHEST_PITCH)).sum())
    if outside:
        pitch = fold_pitch(pitch)
        remarks.append(
            f"{outside} of {len(pitch)} notes lie outside A0 to C8 and were moved by octaves"
        )
    return Line(start=start, end=end, pitch=pitch, velocity=velocity)


def _highest_voice(start: np.ndarray, end: np.ndarray, pitch: np.ndarray) -> np.ndarray:
    """Rows of the notes that are heard as the melody, in order of time.

    Of notes that start together the highest counts. A later note ends the one before, unless it is
    lower: then it belongs to another voice and is left out.
    """
    order = np.lexsort((-pitch, start))
    first = np.ones(len(order), dtype=bool)
    first[1:] = start[order[1:]] != start[order[:-1]]
    order = order[first]
    if (start[order[1:]] >= end[order[:-1]]).all():
        return order
    kept: list[int] = []
    sounding_until, sounding_pitch = 0, 0
    starts, ends, pitches = start[order].tolist(), end[order].tolist(), pitch[order].tolist()
    for i, (s, e, p) in enumerate(zip(starts, ends, pitches, strict=True)):
        legato = sounding_until - s <= LEGATO_STEPS and e > sounding_until
        if s < sounding_until and p < sounding_pitch and not legato:
            continue
        kept.append(i)
        sounding_until, sounding_pitch = e, p
    return order[kept]
