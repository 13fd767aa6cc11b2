"""The bars of any score, as tracks of performance events: the default way in.

Pedals are played, and notes put on the grid of their own beats. A note that sounds over a bar line
ends there, since each bar is an example of its own; if an eighth or more of it is left, it is
struck again in the next bar, which drums never are. A bar has room for eight tracks of 64 tokens:
the drums and the busiest others are kept, and what is too full loses its softest notes. What was
left out is said.

Letters: N notes, B bars, G tracks of single bars.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from musicvae.notes.errors import Rejected
from musicvae.notes.pedal import sustain
from musicvae.notes.quantize import quantize_to_beats
from musicvae.notes.score import Score, StepScore
from musicvae.representations.bar_windows import LONGEST_BARS
from musicvae.representations.base import Origin
from musicvae.representations.chord_controls import Triads
from musicvae.representations.clock import origins_at
from musicvae.representations.melody_choice import describe_track
from musicvae.representations.melody_events import Windows
from musicvae.representations.multitrack_bars import (
    MOST_TRACKS,
    Grid,
    lay_tracks,
    parts_of,
    program_tokens,
    stack_controls,
    stack_tracks,
)
from musicvae.representations.multitrack_chords import (
    chords_of_lines,
    tell_tracks,
)
from musicvae.representations.multitrack_meters import BarLines, lay_bar_lines
from musicvae.representations.multitrack_thinning import write_to_fit
from musicvae.representations.performance_events import MOST_STEPS, STEPS_PER_QUARTER, BarNotes

HELD_STEPS = 12  # an eighth: so much of a note must be left for it to be struck again
EARLY_STEPS = 3  # a 32nd: a note held over a bar line that starts so late before it starts on it
LONGEST_HELD_BARS = 64  # a note that sounds longer is one whose end was lost


@dataclass(frozen=True, kw_only=True)
class LenientMultitrack:
    """Any music, in all meters whose bars, or equal parts of them, have up to four quarters."""

    def extract(self, score: Score, *, overlap: bool, chords: Triads | None = None) -> Windows:
        """All bars, told of `chords`; with `overlap` those that sound, equal ones once.

        Raises `Rejected` ("no-notes", "too-long", "unsupported-meter") if there is nothing to
        begin with.
        """
        score = _heard(score)
        steps = quantize_to_beats(score, STEPS_PER_QUARTER)
        remarks: list[str] = []
        dropped: dict[str, int] = {}
        lines = lay_bar_lines(score, steps.total_steps, dropped, remarks)
        if not len(lines):
            raise Rejected("unsupported-meter", remarks[-1])
        bar, notes = _cut(steps, lines)
        kept = _busiest(score, bar, notes.track, remarks)
        bar, notes = bar[kept], notes.take(kept)
        grid = lay_tracks(bar, notes.track, score.tracks)
        tokens, lengths = write_to_fit(
            BarNotes(
                track=grid.of_note,
                start=notes.start,
                end=notes.end,
                pitch=notes.pitch,
                velocity=notes.velocity,
            ),
            program_tokens(score.tracks)[grid.track],
            lines.size[grid.bar],
            remarks,
        )
        all_tokens, all_lengths = stack_tracks(tokens, lengths, grid.bar, grid.place, len(lines))
        controls = None
        if chords is not None:
            classes = chords_of_lines(chords, score, lines, remarks)
            told = tell_tracks(classes, grid.bar, tokens, lengths)
            controls = stack_controls(told, grid.bar, grid.place, len(lines))
        chosen = np.arange(len(lines))
        if overlap:
            chosen = _distinct(grid, all_tokens, controls, lines.size, dropped)
        return Windows(
            tokens=all_tokens[chosen],
            lengths=all_lengths[chosen],
            filler=np.zeros(len(chosen), dtype=np.int64),
            origins=partial(_origins, score, lines, grid, chosen),
            dropped=dropped,
            remarks=tuple(remarks),
            controls=None if controls is None else controls[chosen],
        )


def _heard(score: Score) -> Score:
    """The score with its notes as long as pedals let them sound."""
    if not (score.velocity > 0).any():
        raise Rejected("no-notes", "the file has no notes: nothing to read tracks from")
    score, _ = sustain(score)
    bars = float(score.quarters_at(score.total_seconds)) * STEPS_PER_QUARTER / MOST_STEPS
    if not bars < LONGEST_BARS:
        raise Rejected(
            "too-long",
            f"the file claims to last {bars:,.0f} bars, and at most {LONGEST_BARS:,} are read: "
            "a note of it is probably misplaced",
        )
    return score


def _cut(steps: StepScore, lines: BarLines) -> tuple[np.ndarray, BarNotes]:
    """Notes cut at bar lines: the bar of each piece, and the pieces by order of their starts.

    `track` is still that of the score.
    """
    drums = np.array([t.is_drum for t in steps.tracks], dtype=bool)[steps.track]
    order = np.argsort(steps.start_step, kind="stable")
    order = order[steps.velocity[order] > 0]
    start, end = steps.start_step[order].astype(np.int64), steps.end_step[order].astype(np.int64)
    held = np.where(drums[order], 0, HELD_STEPS)

    first = lines.bar_at(start)
    line = lines.begin[first] + lines.count[first]
    early = (held > 0) & (line - start <= EARLY_STEPS) & (end - line >= held)
    early &= (first + 1 < len(lines)) & (lines.begin[np.minimum(first + 1, len(lines) - 1)] == line)
    start, first = np.where(early, line, start), first + early
    last = np.where(held > 0, np.minimum(lines.bar_at(end - 1), first + LONGEST_HELD_BARS), first)

    pieces = last - first + 1
    note = np.repeat(np.arange(len(order)), pieces)
    again = np.arange(len(note)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    bar = first[note] + again
    begin = np.maximum(start[note], lines.begin[bar])
    stop = np.minimum(end[note], lines.begin[bar] + lines.count[bar])
    kept = (stop > begin) & ((again == 0) | (stop - begin >= held[note]))
    kept = np.flatnonzero(kept)
    kept = kept[np.lexsort((begin[kept], bar[kept]))]
    bar, rows = bar[kept], order[note[kept]]
    shift = lines.upbeat[bar] - lines.begin[bar]
    return bar, BarNotes(
        track=steps.track[rows].astype(np.int64),
        start=begin[kept] + shift,
        end=stop[kept] + shift,
        pitch=steps.pitch[rows].astype(np.int64),
        velocity=steps.velocity[rows].astype(np.int64),
    )


def _busiest(score: Score, bar: np.ndarray, track: np.ndarray, remarks: list[str]) -> np.ndarray:
    """Which notes are of the drums or of the tracks with the most notes, eight in each bar."""
    tracks = len(score.tracks)
    if tracks <= MOST_TRACKS:
        return np.ones(len(bar), dtype=bool)
    counts = np.bincount(track, minlength=tracks)
    pitched = np.array([not t.is_drum for t in score.tracks])
    ranks = np.empty(tracks, dtype=np.int64)
    ranks[np.lexsort((-counts, pitched))] = np.arange(tracks)
    pairs, of_note = np.unique(bar * tracks + ranks[track], return_inverse=True)
    bars = pairs // tracks
    kept = np.arange(len(pairs)) - np.searchsorted(bars, bars) < MOST_TRACKS
    lost = ~kept[of_note]
    if lost.any():
        names = [describe_track(score, t) for t in np.unique(track[lost]).tolist()]
        remarks.append(
            f"bars with more than {MOST_TRACKS} tracks: {len(np.unique(bars[~kept]))}; the drums "
            f"and the busiest are kept there, left out are notes of {', '.join(names)}"
        )
    return ~lost


def _distinct(
    grid: Grid,
    tokens: np.ndarray,
    controls: np.ndarray | None,
    size: np.ndarray,
    dropped: dict[str, int],
) -> np.ndarray:
    """The bars in which something sounds, those with equal tokens and controls once."""
    sounding = np.unique(grid.bar)
    first: dict[tuple[bytes, bytes, int], int] = {}
    for bar in sounding.tolist():
        told = b"" if controls is None else controls[bar].tobytes()
        first.setdefault((tokens[bar].tobytes(), told, int(size[bar])), bar)
    counts = {"silent": len(tokens) - len(sounding), "duplicate": len(sounding) - len(first)}
    dropped.update({reason: bars for reason, bars in counts.items() if bars})
    return np.array(list(first.values()), dtype=np.int64)


def _origins(score: Score, lines: BarLines, grid: Grid, chosen: np.ndarray) -> tuple[Origin, ...]:
    parts = parts_of(grid, score.tracks, len(lines))
    whence = origins_at(score, lines.begin[chosen] / STEPS_PER_QUARTER, lines.meters[chosen])
    return tuple(
        replace(origin, parts=parts[bar])
        for origin, bar in zip(whence, chosen.tolist(), strict=True)
    )
