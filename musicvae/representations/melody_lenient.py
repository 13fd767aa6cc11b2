"""The melody of any score, as a musician would read it: the default way in.

One track is taken (`melody_choice`), its highest voice is put on the grid of its own beats, notes
beyond the piano are moved by octaves, and the one line of events that results is laid out in bars
(`melody_bars`) and cut into windows. Windows are raw cuts: a note held over a window's start leaves
leading zeros and its note-off, so that windows put one after another give the line again.

Letters: B bars of a stretch, L slots for the steps of a bar, W windows of `bars` bars.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from musicvae.notes.errors import Rejected
from musicvae.notes.quantize import STEPS_PER_QUARTER, seconds_at
from musicvae.notes.score import Score
from musicvae.representations.base import Origin
from musicvae.representations.chord_controls import ChordControls, Told, tell_score
from musicvae.representations.melody_bars import Stretch, lay_out_bars
from musicvae.representations.melody_choice import choose_track
from musicvae.representations.melody_events import (
    FIRST_NOTE,
    HOLD,
    NOTE_OFF,
    STEPS_PER_BAR,
    Windows,
    to_events,
)
from musicvae.representations.melody_line import Line, read_line
from musicvae.representations.meters import KNOWN, Meters, tell

# 100,000 bars: two days of music. What claims to be longer is a broken file.
LONGEST_STEPS = 100_000 * STEPS_PER_BAR

_BAR_STEPS = np.array([known.steps for known in KNOWN])


@dataclass(frozen=True, eq=False, kw_only=True)
class _Cuts:
    """Windows before they are sorted out: tokens, meters, and the source steps they span."""

    tokens: np.ndarray  # (W, bars * L) uint8
    known: np.ndarray  # (W,) int64, the class of the meter in which it is read
    filler: np.ndarray  # (W,) int64, silent bars with which a window is filled up
    first: np.ndarray  # (W,) int64, source step of the first step
    end: np.ndarray  # (W,) int64, source step behind the last one
    meters: np.ndarray  # (W,) of Meter
    codes: np.ndarray | None  # (W, bars * L) int32, of the chords told

    def take(self, rows: np.ndarray) -> _Cuts:
        """The windows at `rows`."""
        return _Cuts(
            tokens=self.tokens[rows],
            known=self.known[rows],
            filler=self.filler[rows],
            first=self.first[rows],
            end=self.end[rows],
            meters=self.meters[rows],
            codes=None if self.codes is None else self.codes[rows],
        )


@dataclass(frozen=True, kw_only=True)
class Lenient:
    """Take `track` (an index, a name or a part of one), or by default the likeliest one."""

    track: int | str | None = None

    def extract(
        self,
        score: Score,
        *,
        meters: Meters,
        bars: int,
        overlap: bool,
        chords: ChordControls | None = None,
    ) -> Windows:
        """All windows of `bars` bars, with the meter or the chords as controls.

        Raises `Rejected` if there is nothing to begin with ("no-notes", "only-drums", "too-long"),
        and `ValueError` for a track that is not there.
        """
        choice = choose_track(score, self.track)
        remarks = [choice.reason]
        line = read_line(score, choice.track, remarks)
        total = int(line.end[-1])
        if total > LONGEST_STEPS:
            raise Rejected(
                "too-long",
                f"the file claims to last {total // STEPS_PER_BAR:,} bars, and at most "
                f"{LONGEST_STEPS // STEPS_PER_BAR:,} are read: a note of it is probably misplaced",
            )
        events = to_events(line.start, line.end, line.pitch, total + meters.stride)
        told = None
        if chords is not None:
            told = tell_score(chords, score, len(events), remarks).merged()
        dropped: dict[str, int] = {}
        cuts = _cut_all(score, total, meters, events, told, bars, overlap, dropped, remarks)
        if overlap:
            cuts = _keep_distinct(cuts, dropped)
        size = _BAR_STEPS[cuts.known]
        lengths = size.astype(np.uint16).repeat(bars).reshape(-1, bars)
        return Windows(
            tokens=cuts.tokens,
            lengths=lengths,
            controls=_controls(told, meters, cuts, lengths),
            filler=cuts.filler,
            origins=partial(_origins, score, choice.track, line, cuts),
            dropped=dropped,
            remarks=tuple(remarks),
        )


def _cut_all(
    score: Score,
    total_steps: int,
    meters: Meters,
    events: np.ndarray,
    told: Told | None,
    bars: int,
    overlap: bool,
    dropped: dict[str, int],
    remarks: list[str],
) -> _Cuts:
    cuts = [_no_cuts(bars, meters.stride, told)]
    after_gap = False
    for part in lay_out_bars(score, total_steps, meters):
        if isinstance(part, Stretch):
            rows = _bar_rows(part, events, meters.stride, ends_note=after_gap)
            codes = None
            if told is not None:
                codes = _bar_rows(part, told.codes, meters.stride, ends_note=False)
            cuts.append(_cut(part, rows, codes, bars, overlap, dropped))
            remarks += [said for said in part.remarks if said not in remarks]
            filled = int((part.count < part.steps_per_bar).sum())
            if filled:
                remarks.append(f"bars cut short by a change of meter and filled up: {filled}")
        else:
            _count(dropped, "unsupported-meter", part.bars if overlap else -(-part.bars // bars))
            remarks.append(part.remark(meters))
        after_gap = not isinstance(part, Stretch)
    return _join(cuts)


def _bar_rows(stretch: Stretch, events: np.ndarray, room: int, *, ends_note: bool) -> np.ndarray:
    """The stretch's bars (B, L), zeros where a bar has no step of the source.

    `ends_note`: what sounds when the stretch begins started in music that was left out before it,
    or would be held over it, and is ended.
    """
    rows = np.zeros((len(stretch), room), dtype=events.dtype)
    size, begin = stretch.steps_per_bar, int(stretch.first[0])
    whole = bool((stretch.count == size).all())
    if whole and int(stretch.first[-1]) == begin + (len(stretch) - 1) * size:
        rows[:, :size] = events[begin : begin + len(stretch) * size].reshape(-1, size)
    else:
        for row, first, count in zip(
            rows, stretch.first.tolist(), stretch.count.tolist(), strict=True
        ):
            row[:count] = events[first : first + count]
        rows[0] = np.roll(rows[0], stretch.upbeat)
    if ends_note and rows[0, 0] == HOLD:
        rows[0, 0] = NOTE_OFF
    return rows


def _cut(
    stretch: Stretch,
    rows: np.ndarray,
    codes: np.ndarray | None,
    bars: int,
    overlap: bool,
    dropped: dict[str, int],
) -> _Cuts:
    """Every window of a stretch: at every bar and full, or one after another and filled up."""
    if overlap:
        starts = np.arange(len(rows) - bars + 1)
        if not len(starts):
            _count(dropped, "too-short", 1)
            return _no_cuts(bars, rows.shape[1], codes)
    else:
        starts = np.arange(0, len(rows), bars)
        missing = -len(rows) % bars
        rows = _fill_up(rows, missing)
        codes = None if codes is None else np.pad(codes, ((0, missing), (0, 0)))
    last = np.minimum(starts + bars, len(stretch)) - 1
    window = starts[:, None] + np.arange(bars)
    return _Cuts(
        tokens=rows[window].reshape(len(starts), -1),
        codes=None if codes is None else codes[window].reshape(len(starts), -1),
        known=np.full(len(starts), KNOWN.index(stretch.known)),
        filler=starts + bars - 1 - last,
        first=stretch.first[starts],
        end=stretch.first[last] + stretch.count[last],
        meters=stretch.meters[starts],
    )


def _fill_up(rows: np.ndarray, silent_bars: int) -> np.ndarray:
    """The bars with silence behind them, in which the last note does not sound on."""
    if not silent_bars:
        return rows
    silence = np.zeros((silent_bars, rows.shape[1]), dtype=rows.dtype)
    spoken = rows[rows > HOLD]
    if len(spoken) and spoken[-1] >= FIRST_NOTE:
        silence[0, 0] = NOTE_OFF
    return np.concatenate([rows, silence])


def _keep_distinct(cuts: _Cuts, dropped: dict[str, int]) -> _Cuts:
    """The windows in which a note starts, equal ones only once."""
    sounds = (cuts.tokens.max(axis=1, initial=0) >= FIRST_NOTE).nonzero()[0]
    _count(dropped, "silent", len(cuts.tokens) - len(sounds))
    known = cuts.known.tolist()
    columns = cuts.tokens
    if cuts.codes is not None:
        columns = np.concatenate([columns, cuts.codes], axis=1).view(np.uint8)
    width, raw = columns.shape[1], columns.tobytes()
    first: dict[tuple[bytes, int], int] = {}
    for i in sounds.tolist():
        first.setdefault((raw[i * width : (i + 1) * width], known[i]), i)
    _count(dropped, "duplicate", len(sounds) - len(first))
    if len(first) == len(known):
        return cuts
    return cuts.take(np.array(list(first.values()), dtype=np.int64))


def _origins(score: Score, track: int, line: Line, cuts: _Cuts) -> tuple[Origin, ...]:
    """Where each window came from; its velocity is the mean of the notes that start in it."""
    quarters = cuts.first / STEPS_PER_QUARTER
    tempo_at = score.quarters_at(np.array([t.time for t in score.tempos]))
    tempo = np.searchsorted(tempo_at, quarters + 1e-6, side="right") - 1
    sums = np.concatenate([[0], np.cumsum(line.velocity, dtype=np.int64)])
    a, b = np.searchsorted(line.start, cuts.first), np.searchsorted(line.start, cuts.end)
    whole = float(line.velocity.mean())
    mean = np.where(b > a, (sums[b] - sums[a]) / np.maximum(b - a, 1), whole)
    entry = score.tracks[track]
    columns = (cuts.first, seconds_at(score, quarters), tempo, np.rint(mean).astype(int))
    return tuple(
        Origin(
            start_step=step,
            start_seconds=seconds,
            qpm=score.tempos[k].qpm,
            numerator=meter.numerator,
            denominator=meter.denominator,
            program=entry.program,
            velocity=velocity,
            name=entry.name,
        )
        for step, seconds, k, velocity, meter in zip(
            *(c.tolist() for c in columns), cuts.meters.tolist(), strict=True
        )
    )


def _join(cuts: list[_Cuts]) -> _Cuts:
    if len(cuts) == 2:  # the empty one and one more: most music
        return cuts[1]
    codes = [c.codes for c in cuts if c.codes is not None]
    return _Cuts(
        tokens=np.concatenate([c.tokens for c in cuts]),
        known=np.concatenate([c.known for c in cuts]),
        filler=np.concatenate([c.filler for c in cuts]),
        first=np.concatenate([c.first for c in cuts]),
        end=np.concatenate([c.end for c in cuts]),
        meters=np.concatenate([c.meters for c in cuts]),
        codes=np.concatenate(codes) if codes else None,
    )


def _no_cuts(bars: int, room: int, chords: object) -> _Cuts:
    """No windows, with a place for chords unless `chords` is None."""
    none = np.zeros(0, dtype=np.int64)
    tokens = np.zeros((0, bars * room), dtype=np.uint8)
    return _Cuts(
        tokens=tokens,
        known=none,
        filler=none,
        first=none,
        end=none,
        meters=none.astype(object),
        codes=None if chords is None else tokens.astype(np.int32),
    )


def _controls(
    told: Told | None, meters: Meters, cuts: _Cuts, lengths: np.ndarray
) -> np.ndarray | None:
    """The chords at every valid step, or else the meters, or nothing."""
    if told is None or cuts.codes is None:
        return tell(meters, cuts.known, lengths)
    valid = np.arange(meters.stride) < lengths[:, :, None]
    return told.at(cuts.codes, valid.reshape(cuts.codes.shape))


def _count(dropped: dict[str, int], reason: str, windows: int) -> None:
    if windows:
        dropped[reason] = dropped.get(reason, 0) + windows
