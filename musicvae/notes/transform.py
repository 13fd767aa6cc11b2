"""Scores from scores: transpose, stretch, cut, join. Every function returns a new `Score`.

Splitting follows the reference pipeline (note-seq's splitting at time changes): a note that
crosses a cut is truncated and not restarted behind it, the notes of a piece are ordered by their
start (ties keep their order), and the piece ends with its last note, not at the next cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TypeVar

import numpy as np

from musicvae.notes.chords import Chord, transpose_chord
from musicvae.notes.errors import InvalidMusic
from musicvae.notes.quantize import seconds_at
from musicvae.notes.score import DEFAULT_QPM, Key, Meter, Pedals, Score, Tempo, Track

Mark = TypeVar("Mark", Tempo, Meter, Key, Chord)


def transpose(score: Score, semitones: int) -> Score:
    """Every pitched note moved by `semitones`, the drums left alone; keys and chords move along.

    Notes that would leave the MIDI range 0 to 127 are dropped, as the reference's augmenter does.
    """
    drums = np.array([t.is_drum for t in score.tracks], dtype=bool)
    on_drums = drums[score.track] if len(score) else np.zeros(0, dtype=bool)
    pitch = np.where(on_drums, 0, semitones) + score.pitch.astype(np.int64)
    kept = _rows(score, (pitch >= 0) & (pitch <= 127))
    keys = tuple(replace(k, tonic=(k.tonic + semitones) % 12) for k in score.keys)
    chords = tuple(replace(c, symbol=transpose_chord(c.symbol, semitones)) for c in score.chords)
    inside = pitch[(pitch >= 0) & (pitch <= 127)].astype(np.uint8)
    return replace(kept, pitch=inside, keys=keys, chords=chords)


def stretch(score: Score, factor: float) -> Score:
    """All times multiplied by `factor`; the tempo follows, so that bars hold the same notes.

    Raises `ValueError` unless `factor` is a positive number.
    """
    if not (np.isfinite(factor) and factor > 0):
        raise ValueError(f"the factor of a stretch must be a positive number, not {factor}")
    return replace(
        score,
        start=score.start * factor,
        end=score.end * factor,
        tempos=tuple(Tempo(t.time * factor, t.qpm / factor) for t in score.tempos),
        meters=tuple(replace(m, time=m.time * factor) for m in score.meters),
        keys=tuple(replace(k, time=k.time * factor) for k in score.keys),
        chords=tuple(replace(c, time=c.time * factor) for c in score.chords),
        pedals=replace(score.pedals, time=score.pedals.time * factor),
    )


def slice_seconds(score: Score, start: float, end: float) -> Score:
    """The notes that start in [start, end), shifted to begin at 0.0 and truncated at `end`.

    The tempo, meter, key, chord and pedals in force at `start` hold from 0.0 on. Raises
    `ValueError` unless 0 <= start <= end.
    """
    if not 0 <= start <= end:
        raise ValueError(f"cannot slice from {start} to {end} seconds: expected 0 <= start <= end")
    order = score.start.argsort(kind="stable")
    first, last = score.start[order].searchsorted([start, end])
    rows = order[first:last]
    return replace(
        score,
        pitch=score.pitch[rows],
        velocity=score.velocity[rows],
        start=score.start[rows] - start,
        end=np.minimum(score.end[rows], end) - start,
        track=score.track[rows],
        tempos=_marks_between(score.tempos, start, end),
        meters=_marks_between(score.meters, start, end),
        keys=_marks_between(score.keys, start, end),
        chords=_marks_between(score.chords, start, end),
        pedals=_pedals_between(score.pedals, start, end),
    )


def split_at(score: Score, times: Sequence[float]) -> list[Score]:
    """The score cut at `times` (seconds): len(times) + 1 pieces, the first from 0.0.

    The tracks of every piece are those of the score. Raises `ValueError` unless the times are
    positive and ascending.
    """
    cuts = [0.0, *map(float, times)]
    if any(b <= a for a, b in pairwise(cuts)):
        raise ValueError(f"the times to split at must be positive and ascending: {list(times)}")
    ends = [*cuts[1:], np.inf]
    return [slice_seconds(score, a, b) for a, b in zip(cuts, ends, strict=True)]


def time_changes(score: Score) -> list[float]:
    """When the tempo or the meter really changes, in seconds, strictly inside the score.

    Counted from an initial 4/4 at 120 quarter notes per minute. What is stated at 0.0 is the
    initial state and no change; what comes at or after the last note's end is ignored.
    """
    marks: list[Meter | Tempo] = sorted([*score.meters, *score.tempos], key=lambda m: m.time)
    meter, qpm, changes = (4, 4), DEFAULT_QPM, [0.0]
    for mark in marks:
        if mark.time >= score.total_seconds:
            break
        if isinstance(mark, Tempo):
            changed, qpm = mark.qpm != qpm, mark.qpm
        else:
            stated = (mark.numerator, mark.denominator)
            changed, meter = stated != meter, stated
        if changed and mark.time > changes[-1]:
            changes.append(mark.time)
    return changes[1:]


def split_at_time_changes(score: Score) -> list[Score]:
    """The score cut at `time_changes`: pieces of one tempo and one meter.

    Piece k begins `[0.0, *time_changes(score)][k]` seconds into the score. A piece between two
    changes may be empty; a score whose notes all end at 0.0 gives no piece, as in the reference.
    """
    return split_at(score, time_changes(score)) if score.total_seconds > 0 else []


def bar_starts(score: Score) -> np.ndarray:
    """Where bars begin, in seconds: (B + 1,), from 0.0 to the first bar line at or after the end.

    A change of meter begins a bar, as in notation. The last entry closes the last bar.
    """
    end = float(score.quarters_at(score.total_seconds)) - 1e-6
    meters = [replace(score.meter_at(0.0), time=0.0), *(m for m in score.meters if m.time > 0)]
    froms = [float(score.quarters_at(m.time)) for m in meters]
    lines: list[np.ndarray] = []
    for meter, at, until in zip(meters, froms, [*froms[1:], np.inf], strict=True):
        last = until if until <= end else end + meter.quarters_per_bar
        lines.append(np.arange(at, max(last, at) - 1e-6, meter.quarters_per_bar))
        if until > end:
            break
    quarters = np.concatenate(lines) if end > 0 else np.zeros(1)
    return seconds_at(score, quarters)


def concatenate(scores: Sequence[Score]) -> Score:
    """The scores one after another, each from the first bar line at or after the last's end.

    Tracks that are equal (name, program, drums) become one; a score that states no meter goes on
    in 4/4. Raises `InvalidMusic` for no score at all.
    """
    if not scores:
        raise InvalidMusic("nothing to concatenate: expected at least one score")
    offsets = np.cumsum([0.0, *(bar_starts(s)[-1] for s in scores[:-1])]).tolist()
    names = [_occurrences(s) for s in scores]
    union = list(dict.fromkeys(name for own in names for name in own))
    places = [np.array([union.index(name) for name in own], dtype=np.int32) for own in names]
    with_meters = any(s.meters for s in scores)
    return Score(
        pitch=np.concatenate([s.pitch for s in scores]),
        velocity=np.concatenate([s.velocity for s in scores]),
        start=np.concatenate([s.start + at for s, at in zip(scores, offsets, strict=True)]),
        end=np.concatenate([s.end + at for s, at in zip(scores, offsets, strict=True)]),
        track=np.concatenate([p[s.track] for s, p in zip(scores, places, strict=True)]),
        tracks=tuple(track for track, _ in union),
        tempos=_joined([s.tempos for s in scores], offsets),
        meters=_joined([_from_zero(s) for s in scores], offsets) if with_meters else (),
        keys=_joined([s.keys for s in scores], offsets),
        chords=_joined([s.chords for s in scores], offsets),
        pedals=Pedals(
            time=np.concatenate(
                [s.pedals.time + at for s, at in zip(scores, offsets, strict=True)]
            ),
            track=np.concatenate([p[s.pedals.track] for s, p in zip(scores, places, strict=True)]),
            down=np.concatenate([s.pedals.down for s in scores]),
        ),
        ticks_per_quarter=scores[0].ticks_per_quarter,
    )


def _rows(score: Score, rows: np.ndarray) -> Score:
    """The notes at `rows` (indices or a mask); everything else unchanged."""
    return replace(
        score,
        pitch=score.pitch[rows],
        velocity=score.velocity[rows],
        start=score.start[rows],
        end=score.end[rows],
        track=score.track[rows],
    )


def _marks_between(marks: Sequence[Mark], start: float, end: float) -> tuple[Mark, ...]:
    """What is in force at `start`, then what is stated in (start, end), counted from `start`."""
    cut = [_moved(m, 0.0) for m in [m for m in marks if m.time <= start][-1:]]
    cut += [_moved(m, m.time - start) for m in marks if start < m.time < end]
    return tuple(cut)


def _moved(mark: Mark, time: float) -> Mark:
    return mark if mark.time == time else replace(mark, time=time)


def _pedals_between(pedals: Pedals, start: float, end: float) -> Pedals:
    """`_marks_between` for the pedal of each track: the last state at `start`, then the events."""
    if not len(pedals):
        return pedals
    order = np.argsort(pedals.time, kind="stable")
    before = order[pedals.time[order] <= start][::-1]
    _, last = np.unique(pedals.track[before], return_index=True)
    inside = order[(pedals.time[order] > start) & (pedals.time[order] < end)]
    rows = np.concatenate([before[last], inside])
    time = np.maximum(pedals.time[rows] - start, 0.0)
    return Pedals(time=time, track=pedals.track[rows], down=pedals.down[rows])


def _joined(parts: Sequence[Sequence[Mark]], offsets: Sequence[float]) -> tuple[Mark, ...]:
    """The marks of all parts, each shifted by its offset; what repeats the last is left out."""
    joined: list[Mark] = []
    for marks, at in zip(parts, offsets, strict=True):
        for mark in marks:
            moved = _moved(mark, mark.time + at)
            if not joined or _moved(joined[-1], moved.time) != moved:
                joined.append(moved)
    return tuple(joined)


def _from_zero(score: Score) -> tuple[Meter, ...]:
    """The meters of a score, the silent 4/4 of its beginning spelled out."""
    stated = bool(score.meters) and score.meters[0].time <= 0
    return score.meters if stated else (Meter(0.0, 4, 4), *score.meters)


def _occurrences(score: Score) -> list[tuple[Track, int]]:
    """Each track with the number of equal tracks before it, so that twins stay apart."""
    return [(t, score.tracks[:i].count(t)) for i, t in enumerate(score.tracks)]
