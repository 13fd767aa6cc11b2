"""The reference's extraction of bars of several tracks (magenta's
`MultiInstrumentPerformanceConverter`), bar for bar.

Its rules, as observed: a bar (`multitrack_stretches`) needs 2 to 8 tracks, none of more than 64
tokens, and 8 events in all. What looks like a fault is kept too: a note that begins within half a
step of the bar line is lost, and a track that has only such notes becomes a silent track of drums.

Letters: N notes, B bars, G tracks of single bars.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from musicvae.notes.errors import Rejected
from musicvae.notes.quantize import STEPS_PER_QUARTER as SIXTEENTHS_PER_QUARTER
from musicvae.notes.score import Score
from musicvae.representations.base import Origin
from musicvae.representations.chord_controls import Triads
from musicvae.representations.melody_events import Windows, count_dropped
from musicvae.representations.multitrack_bars import (
    MOST_TRACKS,
    Grid,
    lay_tracks,
    parts_of,
    program_tokens,
    stack_controls,
    stack_tracks,
)
from musicvae.representations.multitrack_chords import SPOILED, tell_tracks
from musicvae.representations.multitrack_stretches import (
    QUARTERS_PER_BAR,
    Stretch,
    stretches_of,
)
from musicvae.representations.performance_events import (
    DRUMS,
    MOST_STEPS,
    MOST_TOKENS,
    BarNotes,
    write_tracks,
)

FEWEST_TRACKS = 2
FEWEST_EVENTS = 8  # of all tracks of a bar; programs and ends do not count


@dataclass(frozen=True, kw_only=True)
class StrictMultitrack:
    """As the reference does it, for parity with published models."""

    def extract(self, score: Score, *, overlap: bool, chords: Triads | None = None) -> Windows:
        """All bars that the reference takes, in its order, with `overlap` or without.

        Raises `Rejected` ("no-notes", "too-long") if there is nothing to begin with.
        """
        if not (score.velocity > 0).any():
            raise Rejected("no-notes", "the file has no notes: nothing to read tracks from")
        dropped: dict[str, int] = {}
        stretches = list(stretches_of(score, chords, dropped))
        counts = [len(s.begins) for s in stretches]
        if not sum(counts) and not dropped:
            raise Rejected("too-short", "the notes of the file have no length: there is no bar")
        bases = np.cumsum([0, *counts])
        bar = _joined([s.bar + base for s, base in zip(stretches, bases.tolist(), strict=False)])
        track = _joined([s.track for s in stretches])
        grid = lay_tracks(bar, track, score.tracks, _turns(bar, track, len(score.tracks)))
        notes = BarNotes(
            track=grid.of_note,
            start=_joined([s.start for s in stretches]),
            end=_joined([s.end for s in stretches]),
            pitch=_joined([s.pitch for s in stretches]),
            velocity=_joined([s.velocity for s in stretches]),
        )
        tracks = np.bincount(grid.bar, minlength=int(bases[-1]))
        fitting = (tracks >= FEWEST_TRACKS) & (tracks <= MOST_TRACKS)  # others need not be written
        notes = notes.take((notes.start < MOST_STEPS) & fitting[bar])
        program = program_tokens(score.tracks)[grid.track]
        program[np.bincount(notes.track, minlength=len(program)) == 0] = DRUMS
        tokens, lengths = write_tracks(notes, program, np.full(len(program), MOST_STEPS))
        told = None
        if chords is not None:
            classes = [np.zeros((0, MOST_STEPS + 1), dtype=np.int8)]
            classes += [s.classes for s in stretches if s.classes is not None]
            told = tell_tracks(np.concatenate(classes), grid.bar, tokens, lengths)
        bars = _taken(grid.bar, lengths, told, int(bases[-1]), dropped)
        kept, place = _rows_of(grid, bars, int(bases[-1]))
        all_tokens, all_lengths = stack_tracks(
            tokens[kept], lengths[kept], place, grid.place[kept], len(bars)
        )
        return Windows(
            tokens=all_tokens,
            lengths=all_lengths,
            filler=np.zeros(len(bars), dtype=np.int64),
            origins=partial(_origins, score, stretches, bases, grid, bars),
            dropped=dropped,
            controls=(
                None
                if told is None
                else stack_controls(told[kept], place, grid.place[kept], len(bars))
            ),
        )


def _turns(bar: np.ndarray, track: np.ndarray, tracks: int) -> np.ndarray | None:
    """How tracks of one program are ordered in each bar: as numbers come out of a Python set.

    The reference gathers the tracks of a bar in a set; with eight of them or fewer in the whole
    score that is their own order. One number for each (bar, track) pair, in ascending order.
    """
    if tracks <= MOST_TRACKS:
        return None
    first = np.unique(bar * tracks + track, return_index=True)[1]
    pairs = zip(bar[np.sort(first)].tolist(), track[np.sort(first)].tolist(), strict=True)
    found: dict[int, list[int]] = {}
    for at, which in pairs:
        found.setdefault(at, []).append(which)
    turn = {(at, t): k for at, which in found.items() for k, t in enumerate(set(which))}
    return np.array([turn[pair] for pair in sorted(turn)], dtype=np.int64)


def _taken(
    bar: np.ndarray,
    lengths: np.ndarray,
    told: np.ndarray | None,
    bars: int,
    dropped: dict[str, int],
) -> np.ndarray:
    """The bars that the reference takes, by the bars, token counts and chords of all tracks."""
    spoiled = np.zeros(len(bar)) if told is None else (told == SPOILED).any(axis=1)
    tracks = np.bincount(bar, minlength=bars)
    events = np.bincount(bar, weights=lengths - 2, minlength=bars)
    longest = np.zeros(bars, dtype=np.int64)
    np.maximum.at(longest, bar, lengths)
    left = np.ones(bars, dtype=bool)
    for reason, fails in (
        ("silent", tracks == 0),
        ("too-few-tracks", tracks < FEWEST_TRACKS),
        ("too-many-tracks", tracks > MOST_TRACKS),
        ("too-many-events", longest > MOST_TOKENS),
        ("too-few-events", events < FEWEST_EVENTS),
        ("untold-chords", np.bincount(bar, weights=spoiled, minlength=bars) > 0),
    ):
        count_dropped(dropped, reason, int((left & fails).sum()))
        left &= ~fails
    return np.flatnonzero(left)


def _rows_of(grid: Grid, bars: np.ndarray, total: int) -> tuple[np.ndarray, np.ndarray]:
    """The rows of the grid that are in `bars`, and the place of their bar among these."""
    place = np.full(total, -1)
    place[bars] = np.arange(len(bars))
    rows = np.flatnonzero(place[grid.bar] >= 0)
    return rows, place[grid.bar[rows]]


def _origins(
    score: Score, stretches: list[Stretch], bases: np.ndarray, grid: Grid, bars: np.ndarray
) -> tuple[Origin, ...]:
    parts = parts_of(grid, score.tracks, int(bases[-1]))
    origins = []
    for bar in bars.tolist():
        k = int(np.searchsorted(bases, bar, side="right")) - 1
        stretch, own = stretches[k], bar - int(bases[k])
        quarters = float(score.quarters_at(stretch.offset)) + own * QUARTERS_PER_BAR
        origins.append(
            Origin(
                start_step=round(quarters * SIXTEENTHS_PER_QUARTER),
                start_seconds=float(stretch.begins[own]),
                qpm=stretch.qpm,
                numerator=stretch.meter.numerator,
                denominator=stretch.meter.denominator,
                parts=parts[bar],
            )
        )
    return tuple(origins)


def _joined(columns: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.zeros(0, dtype=np.int64), *columns])
