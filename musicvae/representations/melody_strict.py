"""The reference's extraction of melodies (magenta's `OneHotMelodyConverter`), window for window.

Its rules, as observed: the music is cut at every change of tempo or meter; only bars of sixteen
sixteenths count; instruments are searched one by one; at one step the highest note wins and a later
note cuts an earlier one; a bar of silence ends a melody, and the search goes on at the next bar.
Windows of a melody begin at every bar, and equal windows of one stretch count once. Pitches outside
the piano are left out. What looks like a fault is kept too: in a window that begins within a note,
that note is silent. With chords, windows are equal only if their chords are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from musicvae.notes.errors import Rejected
from musicvae.notes.quantize import STEPS_PER_QUARTER, quantize
from musicvae.notes.score import Meter, Score, StepScore
from musicvae.notes.transform import split_at_time_changes, time_changes
from musicvae.representations.base import Origin
from musicvae.representations.chord_controls import ChordControls, Told
from musicvae.representations.chord_strict import tell_stretch
from musicvae.representations.melody_events import (
    FIRST_NOTE,
    HIGHEST_PITCH,
    HOLD,
    LOWEST_PITCH,
    NOTE_OFF,
    STEPS_PER_BAR,
    Windows,
    count_dropped,
    to_events,
)

GAP_STEPS = STEPS_PER_BAR  # so much silence ends a melody
LONGEST_MELODY_BARS = 100  # the rest of a longer melody is left out


@dataclass(frozen=True, eq=False, kw_only=True)
class _Cut:
    """The windows of one melody. `offset` is where its stretch begins in the score, in seconds."""

    tokens: np.ndarray  # (W, bars * 16) uint8
    controls: np.ndarray | None  # (W, bars * 16, ...) uint8
    filler: np.ndarray  # (W,) int64, silent bars with which a window is filled up
    step: np.ndarray  # (W,) from the start of the stretch
    track: int
    velocity: int
    qpm: float
    meter: Meter
    offset: float


@dataclass(frozen=True, kw_only=True)
class Strict:
    """As the reference does it, for parity with published models.

    `programs` are the MIDI programs that may play a melody: 0 to 31 for the 2-bar models, None,
    which is all of them, for `hierdec-mel_16bar`.
    """

    programs: tuple[int, ...] | None = None

    def extract(
        self, score: Score, *, bars: int, overlap: bool, chords: ChordControls | None = None
    ) -> Windows:
        """All windows of `bars` bars. Raises `Rejected` if there is no note to begin with.

        With `overlap` they are the reference's, in the order of their first occurrence. Without,
        the windows of a melody follow one another and the last one is filled up with silence.
        """
        if not len(score):
            raise Rejected("no-notes", "the file has no notes: nothing to read a melody from")
        if all(score.tracks[t].is_drum for t in np.unique(score.track)):
            raise Rejected("only-drums", "the file has only drums: no melody can be read from it")
        found: list[_Cut] = []
        dropped: dict[str, int] = {}
        offsets = [0.0, *time_changes(score)]
        for offset, piece in zip(offsets, split_at_time_changes(score), strict=False):
            if len(piece):
                found += self._cuts_of_piece(piece, offset, bars, overlap, chords, dropped)
        if not found and not dropped:
            raise Rejected("no-melody", "no track has the programs and pitches of a melody")
        none = np.zeros((0, bars * STEPS_PER_BAR), dtype=np.uint8)
        tokens = np.concatenate([none, *(cut.tokens for cut in found)])
        filler = np.concatenate([np.zeros(0, np.int64), *(cut.filler for cut in found)])
        told = [cut.controls for cut in found if cut.controls is not None]
        return Windows(
            tokens=tokens,
            controls=_join_controls(told, chords, tokens),
            lengths=np.full((len(tokens), bars), STEPS_PER_BAR, dtype=np.uint16),
            filler=filler,
            origins=partial(_origins, score, found),
            dropped=dropped,
        )

    def _cuts_of_piece(
        self,
        piece: Score,
        offset: float,
        bars: int,
        overlap: bool,
        chords: ChordControls | None,
        dropped: dict[str, int],
    ) -> list[_Cut]:
        """The windows of every melody in a stretch that begins `offset` seconds in."""
        told = None
        try:
            steps = quantize(piece)
            if steps.steps_per_bar != STEPS_PER_BAR:
                raise Rejected("unsupported-meter", f"{steps.meter} has no bars of 16 sixteenths")
            if chords is not None:
                room = (bars + 1) * STEPS_PER_BAR
                told = tell_stretch(chords, piece, steps, self._used(steps), room)
        except Rejected as rejection:
            count_dropped(dropped, rejection.reason)
            return []
        found: list[_Cut] = []
        seen: set[bytes] = set()
        for track, velocity, first_step, events in self._melodies(steps):
            if overlap and len(events) < bars * STEPS_PER_BAR:
                count_dropped(dropped, "too-short")
                continue
            at, tokens = _slide(events, bars, overlap)
            codes = None if told is None else _codes(told, first_step + at, tokens.shape[1])
            missing = at + bars * STEPS_PER_BAR - len(events)
            if overlap:
                new = _unseen(tokens, codes, seen)
                count_dropped(dropped, "duplicate", len(at) - len(new))
                at, tokens, missing = at[new], tokens[new], missing[new]
                codes = None if codes is None else codes[new]
            found.append(
                _Cut(
                    tokens=tokens,
                    controls=None if told is None or codes is None else told.rows[codes],
                    filler=np.maximum(missing, 0) // STEPS_PER_BAR,
                    step=first_step + at,
                    track=track,
                    velocity=velocity,
                    qpm=steps.qpm,
                    meter=steps.meter,
                    offset=offset,
                )
            )
        return found

    def _used(self, steps: StepScore) -> np.ndarray:
        """Which notes have a pitch and a program of a melody (N,)."""
        programs = range(128) if self.programs is None else self.programs
        allowed = np.array([track.program in programs for track in steps.tracks])
        in_range = (steps.pitch >= LOWEST_PITCH) & (steps.pitch <= HIGHEST_PITCH)
        used: np.ndarray = in_range & allowed[steps.track]
        return used

    def _melodies(self, steps: StepScore) -> Iterator[tuple[int, int, int, np.ndarray]]:
        """Track, mean velocity, first step and events (whole bars) of every melody in order."""
        pitched = np.array([not track.is_drum for track in steps.tracks])
        fits = self._used(steps) & (steps.velocity > 0) & pitched[steps.track]
        for track in np.unique(steps.track[fits]).tolist():
            rows = np.flatnonzero(fits & (steps.track == track))
            rows = rows[np.lexsort((-steps.pitch[rows].astype(int), steps.start_step[rows]))]
            start = steps.start_step[rows]
            rows = rows[np.append(True, start[1:] != start[:-1])]  # the highest of each step
            start, end = steps.start_step[rows], steps.end_step[rows]
            breaks = np.flatnonzero(start[1:] - end[:-1] >= GAP_STEPS) + 1
            for part in np.split(rows, breaks) if len(breaks) else [rows]:
                step, events = _melody(
                    steps.start_step[part], steps.end_step[part], steps.pitch[part]
                )
                yield track, round(int(steps.velocity[part].sum()) / len(part)), step, events


def _melody(start: np.ndarray, end: np.ndarray, pitch: np.ndarray) -> tuple[int, np.ndarray]:
    """The notes of one melody -> the step of its first bar line, and its events in whole bars."""
    bar = int(start[0]) // STEPS_PER_BAR * STEPS_PER_BAR
    cut = np.minimum(end, np.append(start[1:], end[-1]))
    length = -(-(int(end[-1]) - bar) // STEPS_PER_BAR) * STEPS_PER_BAR
    events = to_events(start - bar, cut - bar, pitch.astype(np.int64), length)
    return bar, events[: LONGEST_MELODY_BARS * STEPS_PER_BAR]


def _slide(events: np.ndarray, bars: int, overlap: bool) -> tuple[np.ndarray, np.ndarray]:
    """Where each window starts in the melody (W,), and its tokens (W, bars * 16)."""
    size = bars * STEPS_PER_BAR
    hop = STEPS_PER_BAR if overlap else size
    if not overlap:
        events = _fill_up(events, -len(events) % size)
    at = np.arange(0, len(events) - size + 1, hop)
    tokens = events[at[:, None] + np.arange(size)]
    is_note = tokens >= FIRST_NOTE
    first_note = np.where(is_note.any(axis=1), is_note.argmax(axis=1), size)
    leads = np.arange(size) < first_note[:, None]
    tokens[leads & (tokens == NOTE_OFF)] = HOLD
    return at, tokens


def _fill_up(events: np.ndarray, steps: int) -> np.ndarray:
    """The events with silence behind them, in which the last note does not sound on."""
    silence = np.zeros(steps, dtype=events.dtype)
    if events[np.flatnonzero(events)[-1]] >= FIRST_NOTE:
        silence[:1] = NOTE_OFF
    return np.concatenate([events, silence])


def _codes(told: Told, starts: np.ndarray, size: int) -> np.ndarray:
    """The codes of what is told (W, size) in windows that start at `starts`."""
    codes: np.ndarray = told.codes[starts[:, None] + np.arange(size)]
    return codes


def _unseen(tokens: np.ndarray, codes: np.ndarray | None, seen: set[bytes]) -> list[int]:
    """The rows that are new; `seen` learns them."""
    if codes is not None:
        tokens = np.concatenate([tokens, codes], axis=1)
        tokens = tokens.view(np.uint8)
    width, raw = tokens.shape[1], tokens.tobytes()
    new = []
    for i in range(len(tokens)):
        row = raw[i * width : (i + 1) * width]
        if row not in seen:
            seen.add(row)
            new.append(i)
    return new


def _join_controls(
    told: list[np.ndarray], chords: ChordControls | None, tokens: np.ndarray
) -> np.ndarray | None:
    """The controls of all windows `tokens`, or None if nothing is told."""
    if chords is None:
        return None
    if not told:
        return np.zeros((*tokens.shape, *chords.space.shape), dtype=np.uint8)
    return np.concatenate(told)


def _origins(score: Score, cuts: list[_Cut]) -> tuple[Origin, ...]:
    origins = []
    for cut in cuts:
        track = score.tracks[cut.track]
        offset_steps = round(float(score.quarters_at(cut.offset)) * STEPS_PER_QUARTER)
        origins += [
            Origin(
                start_step=offset_steps + step,
                start_seconds=cut.offset + step * 60 / cut.qpm / STEPS_PER_QUARTER,
                qpm=cut.qpm,
                numerator=cut.meter.numerator,
                denominator=cut.meter.denominator,
                program=track.program,
                velocity=cut.velocity,
                name=track.name,
            )
            for step in cut.step.tolist()
        ]
    return tuple(origins)
