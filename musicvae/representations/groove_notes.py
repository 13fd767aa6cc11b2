"""Where the notes of a score lie in the windows of a groove, and what they become there.

A groove is read from some tracks of a score and written back among the others: at their tempo, with
the same notes, which sound as the groove says.

Letters: N notes, W windows of T steps.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from musicvae.notes.quantize import STEPS_PER_QUARTER, seconds_at
from musicvae.notes.score import Score, Track
from musicvae.representations.base import Example
from musicvae.representations.groove import TICKS_PER_QUARTER, Groove
from musicvae.representations.groove_lenient import LenientGroove
from musicvae.representations.groove_strokes import (
    DRUMS,
    HITS,
    LOUDEST,
    OFFSETS,
    STEPS_OF_OFFSET,
    VELOCITIES,
    GeneralMidiKit,
    to_notes,
)
from musicvae.representations.groove_tasks import Humanize, Tap
from musicvae.representations.melody_bars import Stretch, lay_out_bars
from musicvae.representations.melody_events import STEPS_PER_BAR
from musicvae.representations.meters import FOUR_FOUR


@dataclass(frozen=True, eq=False, kw_only=True)
class Places:
    """Where the drums of a score lie in the windows that `Groove.encode` gives, not overlapping."""

    rows: np.ndarray  # (N,) notes of the score
    drum: np.ndarray  # (N,)
    place: np.ndarray  # (N,) the step, counted through all windows; -1 for what is left out
    source: np.ndarray  # (W * T,) the score's step of each; -1 for what only fills a window up


def as_reader(representation: object, task: type[Humanize | Tap], name: str) -> Groove:
    """How a model of that name reads a file for a task: as a drummer would, strict or not.

    Raises `ValueError` for one that was not trained for the task.
    """
    able = isinstance(representation, Groove) and any(
        isinstance(t, task) for t in representation.tasks
    )
    if not able or not isinstance(representation, Groove):
        wanted = "play a drum score" if task is Humanize else "make drums of a rhythm"
        raise ValueError(
            f"{name} has not learned to {wanted}; a model that has is "
            f"groove-2bar-{task.__name__.lower()}"
        )
    if isinstance(representation.extraction, LenientGroove):
        return representation
    return replace(representation, extraction=LenientGroove())


def find_places(groove: Groove, score: Score) -> Places:
    """Raises what `Groove.encode` raises. `groove` has to read as `LenientGroove` does."""
    assert isinstance(groove.extraction, LenientGroove)
    played = groove.extraction.read_played(score, [])
    total = int(played.step.max()) + 1
    parts = lay_out_bars(score, total, groove.meters)
    source = np.concatenate(
        [
            _source_steps(part, groove.bars, is_last=part is parts[-1])
            for part in parts
            if isinstance(part, Stretch) and part.known == FOUR_FOUR
        ]
        or [np.zeros(0, dtype=np.int64)]
    )
    place = np.full(max(total, int(source.max(initial=0)) + 1), -1)
    there = np.flatnonzero(source >= 0)
    place[source[there]] = there
    return Places(rows=played.rows, drum=played.drum, place=place[played.step], source=source)


def played_as(score: Score, places: Places, strokes: np.ndarray) -> Score:
    """The score with its drums as loud, and as early or late, as `strokes` (W * T, 27) say.

    No note is lost or added, and each keeps its length and pitch. Of several notes of one drum in a
    step (a flam) the loudest follows the strokes, and the others follow it. Where the strokes have
    no hit, the note is as loud as the drum is on average.
    """
    inside = places.place >= 0
    rows, drum, place = places.rows[inside], places.drum[inside], places.place[inside]
    leader = _leaders(score.velocity[rows], place * DRUMS + drum)
    at = place[leader], drum[leader]
    early = np.clip(strokes[:, OFFSETS][at], -1, 1) * STEPS_OF_OFFSET
    quarters = (places.source[place[leader]] - early) / STEPS_PER_QUARTER
    moved = seconds_at(score, np.maximum(quarters, 0)) - score.start[rows[leader]]
    loud = _velocities(strokes, at) * score.velocity[rows] / score.velocity[rows[leader]]
    start, end, velocity = score.start.copy(), score.end.copy(), score.velocity.copy()
    start[rows] = np.maximum(start[rows] + moved, 0)
    end[rows] = start[rows] + (score.end[rows] - score.start[rows])
    velocity[rows] = np.rint(loud).clip(1, LOUDEST)
    return replace(score, start=start, end=end, velocity=velocity, ticks_per_quarter=_ticks(score))


def played_instead(score: Score, places: Places, strokes: np.ndarray) -> Score:
    """The score with the drums of `strokes` (W * T, 27) in place of the notes at `places`."""
    step, drum, velocity = to_notes(strokes)
    nearest = np.minimum(np.rint(step).astype(np.int64).clip(0), len(strokes) - 1)
    heard = places.source[nearest] >= 0
    step, drum, velocity, nearest = step[heard], drum[heard], velocity[heard], nearest[heard]
    quarters = (places.source[nearest] + step - nearest) / STEPS_PER_QUARTER
    kept = np.ones(len(score), dtype=bool)
    kept[places.rows] = False
    seat = int(score.track[places.rows].min())
    tracks = list(score.tracks)
    old = tracks[seat]
    tracks[seat] = old if old.is_drum else Track(name="Drums", is_drum=True)
    return replace(
        score,
        pitch=np.concatenate([score.pitch[kept], GeneralMidiKit.exemplars[drum]]),
        velocity=np.concatenate([score.velocity[kept], velocity]),
        start=np.concatenate([score.start[kept], seconds_at(score, np.maximum(quarters, 0))]),
        end=np.concatenate([score.end[kept], seconds_at(score, quarters + 1 / STEPS_PER_QUARTER)]),
        track=np.concatenate([score.track[kept], np.full(len(step), seat)]).astype(np.int32),
        tracks=tuple(tracks),
        ticks_per_quarter=_ticks(score),
    )


def strokes_of(examples: tuple[Example, ...] | list[Example]) -> np.ndarray:
    """The steps of windows one after another: (W * T, 27)."""
    return np.concatenate([e.tokens for e in examples])


def _source_steps(stretch: Stretch, bars: int, *, is_last: bool) -> np.ndarray:
    """The score's step of each step of a stretch's windows (W * T,), -1 where there is none."""
    step = np.arange(STEPS_PER_BAR)
    rows = np.where(step < stretch.count[:, None], stretch.first[:, None] + step, -1)
    if is_last:
        rows[-1] = stretch.first[-1] + step  # its end is only that of the last note
    rows[0] = np.roll(rows[0], stretch.upbeat)
    filler = np.full((-len(rows) % bars, STEPS_PER_BAR), -1)
    return np.concatenate([rows, filler]).ravel()


def _leaders(velocity: np.ndarray, key: np.ndarray) -> np.ndarray:
    """For each note (N,) the loudest of those with its key, the first of equally loud ones."""
    order = np.lexsort((np.arange(len(key)), -velocity.astype(np.int64), key))
    _, first, of_note = np.unique(key[order], return_index=True, return_inverse=True)
    leaders = np.empty(len(key), dtype=np.int64)
    leaders[order] = order[first][of_note]
    return leaders


def _velocities(strokes: np.ndarray, at: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """How loud each of the strokes at step and drum is, 1 to 127."""
    hit, velocity = strokes[:, HITS] > 0.5, np.clip(strokes[:, VELOCITIES], 0, 1) * LOUDEST
    counts = hit.sum(axis=0)
    overall = velocity[hit].mean() if counts.any() else LOUDEST / 2
    mean = np.where(counts, (velocity * hit).sum(axis=0) / np.maximum(counts, 1), overall)
    loud: np.ndarray = np.where(hit[at], velocity[at], mean[at[1]])
    return loud.clip(1)


def _ticks(score: Score) -> int:
    """Ticks fine enough for how a drummer plays."""
    return max(score.ticks_per_quarter, TICKS_PER_QUARTER)
