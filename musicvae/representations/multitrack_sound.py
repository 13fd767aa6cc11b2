"""Bars of tracks -> one score, in which they follow one another.

Letters: E examples, S = 8 tracks, L = 64 tokens of a track, R = E * S rows, N notes.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np

from musicvae.notes.chords import Chord
from musicvae.notes.score import Meter, Score, Track
from musicvae.representations.base import Example, Origin
from musicvae.representations.chord_controls import Triads
from musicvae.representations.clock import Clock
from musicvae.representations.multitrack_bars import MOST_TRACKS
from musicvae.representations.multitrack_chords import STEPS_PER_SIXTEENTH, read_chords
from musicvae.representations.multitrack_meters import bar_meter, bar_steps
from musicvae.representations.performance_events import (
    DRUMS,
    MOST_TOKENS,
    PROGRAM,
    read_programs,
    read_tracks,
)


def sound_of(examples: Sequence[Example], chords: Triads | None) -> Score:
    """The bars in order, each in the tempo and meter of its origin; see `Multitrack.decode`.

    Over them stand the `chords` that they were told.
    """
    origins = [example.origin for example in examples]
    meters = [_meter_of(origin) for origin in origins]
    size = np.array([bar_steps(meter) for meter in meters], dtype=np.int64)
    none = np.zeros((0, MOST_TOKENS), dtype=np.uint16)
    tokens = np.concatenate([none, *(e.tokens.reshape(-1, MOST_TOKENS) for e in examples)])
    lengths = np.concatenate([none[:, 0], *(e.lengths for e in examples)]).astype(np.int64)
    notes = read_tracks(tokens, lengths, np.repeat(size, MOST_TRACKS))
    track_of_row, tracks = _tracks(origins, read_programs(tokens, lengths), notes.track)

    begin = np.cumsum(size) - size
    clock = Clock.of(origins, np.concatenate([[0], np.cumsum(size)]) / STEPS_PER_SIXTEENTH)
    offset = begin[notes.track // MOST_TRACKS]
    return Score(
        pitch=notes.pitch.astype(np.uint8),
        velocity=notes.velocity.astype(np.uint8),
        start=clock.seconds((offset + notes.start) / STEPS_PER_SIXTEENTH),
        end=clock.seconds((offset + notes.end) / STEPS_PER_SIXTEENTH),
        track=track_of_row[notes.track].astype(np.int32),
        tracks=tracks,
        tempos=clock.tempos,
        chords=() if chords is None else _chords(chords, examples, begin, clock),
        meters=_meters(meters, clock.seconds(begin / STEPS_PER_SIXTEENTH)),
    )


def _meter_of(origin: Origin) -> Meter:
    """The meter of a bar: its origin's, or 4/4 where that has other bars."""
    meter = Meter(0.0, origin.numerator, origin.denominator)
    return meter if bar_meter(meter) == meter else Meter(0.0, 4, 4)


def _meters(meters: list[Meter], times: np.ndarray) -> tuple[Meter, ...]:
    """The meters where they change."""
    found = []
    for meter, run in groupby(range(len(meters)), key=lambda i: meters[i]):
        found.append(Meter(float(times[next(run)]), meter.numerator, meter.denominator))
    return tuple(found)


def _chords(
    chords: Triads, examples: Sequence[Example], begin: np.ndarray, clock: Clock
) -> tuple[Chord, ...]:
    """The chords that the bars were told, each where it changes."""
    found: list[Chord] = []
    for example, line in zip(examples, begin.tolist(), strict=True):
        if example.controls is None:
            continue
        step, classes = read_chords(
            example.tokens.reshape(-1, MOST_TOKENS),
            example.lengths.astype(np.int64),
            example.controls.reshape(-1, MOST_TOKENS),
        )
        times = clock.seconds((line + step) / STEPS_PER_SIXTEENTH).tolist()
        for time, symbol in zip(times, chords.symbols(classes), strict=True):
            if found and found[-1].time >= time:  # told at the end of a bar and in the next one
                found.pop()
            if not found or found[-1].symbol != symbol:
                found.append(Chord(time, symbol))
    return tuple(found)


def _tracks(
    origins: list[Origin], program: np.ndarray, row_of_note: np.ndarray
) -> tuple[np.ndarray, tuple[Track, ...]]:
    """The track of each row (R,), and the tracks: by program, drums last.

    The k-th row of a program in a bar is the k-th track of that program. Rows without notes count
    for nothing.
    """
    rows = np.unique(row_of_note)
    bar, own = rows // MOST_TRACKS, program[rows]
    order = np.lexsort((rows, own, bar))
    key = (bar * (DRUMS + 1) + own)[order]
    nth = np.empty_like(rows)
    nth[order] = np.arange(len(rows)) - np.searchsorted(key, key)
    kinds, of = np.unique(own * MOST_TRACKS + nth, return_inverse=True)
    track = np.zeros(len(program), dtype=np.int64)
    track[rows] = of
    names: dict[int, str] = {}
    for k, row in zip(of.tolist(), rows.tolist(), strict=True):
        if k not in names:
            names[k] = _name(origins[row // MOST_TRACKS], row % MOST_TRACKS, int(program[row]))
    programs = (kinds // MOST_TRACKS).tolist()
    return track, tuple(
        Track(name=names[k], program=0 if p == DRUMS else p - PROGRAM, is_drum=p == DRUMS)
        for k, p in enumerate(programs)
    )


def _name(origin: Origin, place: int, program: int) -> str:
    """The name that the source gave to a track, if it still has that track's program."""
    part = origin.parts[place] if place < len(origin.parts) else None
    same = part is not None and program in (PROGRAM + part.program, DRUMS)
    return part.name if part is not None and same else ""
