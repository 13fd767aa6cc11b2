"""The reference's extraction of bars of several tracks (magenta's
`MultiInstrumentPerformanceConverter`), bar for bar.

Its rules, as observed: the music is cut at every change of tempo or meter, and only bars of four
quarters count; each stretch is played with its pedals and cut into bars of equal seconds, at which
notes end and are not struck again; a bar needs 2 to 8 tracks, none of more than 64 tokens, and 8
events in all. What looks like a fault is kept too: a note that begins within half a step of the bar
line is lost, and a track that has only such notes becomes a silent track of drums.

Letters: N notes, B bars, G tracks of single bars.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from musicvae.notes.errors import Rejected
from musicvae.notes.pedal import sustain
from musicvae.notes.quantize import STEPS_PER_QUARTER as SIXTEENTHS_PER_QUARTER
from musicvae.notes.quantize import quantize
from musicvae.notes.score import Meter, Pedals, Score
from musicvae.notes.transform import split_at, time_changes
from musicvae.representations.base import Origin
from musicvae.representations.melody_events import Windows
from musicvae.representations.multitrack_bars import (
    LONGEST_BARS,
    MOST_TRACKS,
    Grid,
    lay_tracks,
    parts_of,
    program_tokens,
    stack_tracks,
)
from musicvae.representations.performance_events import (
    DRUMS,
    MOST_STEPS,
    MOST_TOKENS,
    STEPS_PER_QUARTER,
    BarNotes,
    write_tracks,
)

FEWEST_TRACKS = 2
FEWEST_EVENTS = 8  # of all tracks of a bar; programs and ends do not count
QUARTERS_PER_BAR = MOST_STEPS // STEPS_PER_QUARTER


@dataclass(frozen=True, eq=False, kw_only=True)
class _Stretch:
    """The notes of a stretch of one tempo and meter, by order of their starts, in its bars."""

    bar: np.ndarray  # (N,) int64
    track: np.ndarray  # (N,) int64
    start: np.ndarray  # (N,) int64, steps from the beginning of the bar
    end: np.ndarray  # (N,) int64
    pitch: np.ndarray  # (N,) int64
    velocity: np.ndarray  # (N,) int64
    begins: np.ndarray  # (B,) seconds from the start of the score
    offset: float  # of the stretch, in seconds
    qpm: float
    meter: Meter


@dataclass(frozen=True, kw_only=True)
class StrictMultitrack:
    """As the reference does it, for parity with published models."""

    def extract(self, score: Score, *, overlap: bool) -> Windows:
        """All bars that the reference takes, in its order, with `overlap` or without.

        Raises `Rejected` ("no-notes", "too-long") if there is nothing to begin with.
        """
        if not (score.velocity > 0).any():
            raise Rejected("no-notes", "the file has no notes: nothing to read tracks from")
        dropped: dict[str, int] = {}
        stretches = list(_stretches(score, dropped))
        counts = [len(s.begins) for s in stretches]
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
        notes = notes.take(notes.start < MOST_STEPS)
        program = program_tokens(score.tracks)[grid.track]
        program[np.bincount(notes.track, minlength=len(program)) == 0] = DRUMS
        tokens, lengths = write_tracks(notes, program, np.full(len(program), MOST_STEPS))
        bars = _taken(grid.bar, lengths, int(bases[-1]), dropped)
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
        )


def _stretches(score: Score, dropped: dict[str, int]) -> Iterator[_Stretch]:
    pedals, heard = score.pedals, score.pedals.time < score.total_seconds
    pedals = Pedals(time=pedals.time[heard], track=pedals.track[heard], down=pedals.down[heard])
    score = replace(score, keys=(), pedals=pedals)
    changes = time_changes(score)
    for offset, piece in zip([0.0, *changes], split_at(score, changes), strict=True):
        if not len(piece):
            continue
        try:
            steps = quantize(piece, STEPS_PER_QUARTER)
        except Rejected as rejection:
            _count(dropped, rejection.reason)
            continue
        if steps.steps_per_bar != MOST_STEPS:
            _count(dropped, "unsupported-meter")
            continue
        yield _cut(piece, offset, steps.qpm, steps.meter)


def _cut(piece: Score, offset: float, qpm: float, meter: Meter) -> _Stretch:
    """The stretch that begins `offset` seconds in, its pedals played and its notes in bars."""
    piece, total = sustain(piece)
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
    bar = np.searchsorted(lines, piece.start, side="right") - 1
    heard = (bar < len(lines) - 1) & (piece.velocity > 0)
    bar = bar[heard]
    steps_per_second = STEPS_PER_QUARTER * qpm / 60.0
    start = _steps((piece.start[heard] - lines[bar]) * steps_per_second)
    end = np.minimum(piece.end[heard], lines[bar + 1]) - lines[bar]
    return _Stretch(
        bar=bar,
        track=piece.track[heard].astype(np.int64),
        start=start,
        end=np.maximum(_steps(end * steps_per_second), start + 1),
        pitch=piece.pitch[heard].astype(np.int64),
        velocity=piece.velocity[heard].astype(np.int64),
        begins=offset + lines[:-1],
        offset=offset,
        qpm=qpm,
        meter=meter,
    )


def _steps(steps: np.ndarray) -> np.ndarray:
    return (steps + 0.5).astype(np.int64)


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


def _taken(bar: np.ndarray, lengths: np.ndarray, bars: int, dropped: dict[str, int]) -> np.ndarray:
    """The bars (B,) that the reference takes, from the bars and token counts of all tracks."""
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
    ):
        _count(dropped, reason, int((left & fails).sum()))
        left &= ~fails
    return np.flatnonzero(left)


def _rows_of(grid: Grid, bars: np.ndarray, total: int) -> tuple[np.ndarray, np.ndarray]:
    """The rows of the grid that are in `bars`, and the place of their bar among these."""
    place = np.full(total, -1)
    place[bars] = np.arange(len(bars))
    rows = np.flatnonzero(place[grid.bar] >= 0)
    return rows, place[grid.bar[rows]]


def _origins(
    score: Score, stretches: list[_Stretch], bases: np.ndarray, grid: Grid, bars: np.ndarray
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


def _count(dropped: dict[str, int], reason: str, bars: int = 1) -> None:
    if bars:
        dropped[reason] = dropped.get(reason, 0) + bars
