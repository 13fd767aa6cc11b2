"""Windows of whole bars, cut from streams of events that run side by side on a score's grid.

A stream is a line (the classes of `melody_events`, in which a note sounds until another or a
note-off) or hits (0 where nothing is struck). `firsts` says which: the lowest class of each stream
with which something starts, 2 for a line and 1 for hits. Windows are raw cuts: a note held over a
window's start leaves leading zeros and its note-off, so that windows in a row give the streams
again.

Letters: T steps, C streams, B bars of a stretch, L slots of a bar, W windows of `bars` bars.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from musicvae.notes.errors import Rejected
from musicvae.notes.score import Score
from musicvae.representations.melody_bars import Stretch, lay_out_bars
from musicvae.representations.melody_events import (
    FIRST_NOTE,
    HOLD,
    NOTE_OFF,
    STEPS_PER_BAR,
    count_dropped,
)
from musicvae.representations.meters import KNOWN, Meters

LONGEST_BARS = 100_000  # two days of music: what claims to be longer is a broken file

_BAR_STEPS = np.array([known.steps for known in KNOWN], dtype=np.uint16)


@dataclass(frozen=True, eq=False, kw_only=True)
class Cuts:
    """Windows and where they lie in the source, in steps."""

    tokens: np.ndarray  # (W, bars * L, C)
    known: np.ndarray  # (W,) the place in `KNOWN` of the meter in which it is read
    filler: np.ndarray  # (W,) silent bars at the end that only fill the window up
    first: np.ndarray  # (W,) source step of the first step
    end: np.ndarray  # (W,) source step behind the last one
    meters: np.ndarray  # (W,) of Meter

    def lengths(self, bars: int) -> np.ndarray:
        """The steps of each bar: (W, bars) uint16."""
        lengths: np.ndarray = _BAR_STEPS[self.known].repeat(bars).reshape(-1, bars)
        return lengths

    def loudness(self, start: np.ndarray, velocity: np.ndarray) -> list[int]:
        """Of notes in order of `start` the mean velocity of those that start in each window, or of
        all where none does."""
        sums = np.concatenate([[0], np.cumsum(velocity, dtype=np.int64)])
        a, b = np.searchsorted(start, self.first), np.searchsorted(start, self.end)
        mean = np.where(b > a, (sums[b] - sums[a]) / np.maximum(b - a, 1), float(velocity.mean()))
        rounded: list[int] = np.rint(mean).astype(int).tolist()
        return rounded


@dataclass(frozen=True, eq=False, kw_only=True)
class BarCutter:
    """Cuts windows of `bars` bars; counts in `dropped` and says in `remarks` what was left out.

    With `overlap` windows start at every bar, and only full ones in which something starts are
    kept, equal ones once. Without, they follow one another and the last is filled up with silence.
    """

    meters: Meters
    bars: int
    overlap: bool
    firsts: np.ndarray  # (C,)
    dropped: dict[str, int]
    remarks: list[str]

    def cut(self, score: Score, events: np.ndarray, total_steps: int) -> Cuts:
        """`events` (T, C) reach at least `meters.stride` steps beyond `total_steps`."""
        cuts = []
        bar_ids: dict[tuple[int, bytes], int] = {}
        seen: set[bytes] = set()
        for stretch, rows in self._stretches(score, events, total_steps):
            if self.overlap:
                starts = self._distinct(KNOWN.index(stretch.known), rows, bar_ids, seen)
            else:
                starts = np.arange(0, len(rows), self.bars)
                rows = self._fill_up(rows, -len(rows) % self.bars)
            cuts.append(self._at(starts, stretch, rows))
        shape = (0, self.bars * self.meters.stride, events.shape[1])
        return _join(cuts, np.zeros(shape, dtype=events.dtype))

    def _stretches(
        self, score: Score, events: np.ndarray, total_steps: int
    ) -> Iterator[tuple[Stretch, np.ndarray]]:
        """The stretches of bars in a meter that can be read, each with its bars (B, L, C)."""
        after_gap = False
        for part in lay_out_bars(score, total_steps, self.meters):
            if isinstance(part, Stretch):
                rows = _bar_rows(part, events, self.meters.stride)
                if after_gap:
                    self._end_notes(rows)
                self.remarks.extend(s for s in part.remarks if s not in self.remarks)
                filled = int((part.count < part.steps_per_bar).sum())
                if filled:
                    self.remarks.append(
                        f"bars cut short by a change of meter and filled up: {filled}"
                    )
                yield part, rows
            else:
                windows = part.bars if self.overlap else -(-part.bars // self.bars)
                count_dropped(self.dropped, "unsupported-meter", windows)
                self.remarks.append(part.remark(self.meters))
            after_gap = not isinstance(part, Stretch)

    def _distinct(
        self, known: int, rows: np.ndarray, bar_ids: dict[tuple[int, bytes], int], seen: set[bytes]
    ) -> np.ndarray:
        """First bars of the windows that sound and are new; learns their bars and themselves."""
        count = len(rows) - self.bars + 1
        if count < 1:
            count_dropped(self.dropped, "too-short", 1)
            return np.zeros(0, dtype=np.int64)
        starting = np.concatenate([[0], np.cumsum((rows >= self.firsts).any(axis=(1, 2)))])
        sounding = np.flatnonzero(starting[self.bars :] > starting[: -self.bars])
        count_dropped(self.dropped, "silent", count - len(sounding))
        width, raw = rows[0].nbytes, rows.tobytes()
        ids = np.array(
            [
                bar_ids.setdefault((known, raw[i * width : (i + 1) * width]), len(bar_ids))
                for i in range(len(rows))
            ],
            dtype=np.int32,
        ).tobytes()
        new = []
        for i in sounding.tolist():
            window = ids[4 * i : 4 * (i + self.bars)]
            if window not in seen:
                seen.add(window)
                new.append(i)
        count_dropped(self.dropped, "duplicate", len(sounding) - len(new))
        return np.array(new, dtype=np.int64)

    def _at(self, starts: np.ndarray, stretch: Stretch, rows: np.ndarray) -> Cuts:
        """The windows that begin at the bars `starts` of a stretch; `rows` may go on behind it."""
        last = np.minimum(starts + self.bars, len(stretch)) - 1
        tokens = rows[starts[:, None] + np.arange(self.bars)]
        return Cuts(
            tokens=tokens.reshape(len(starts), self.bars * rows.shape[1], rows.shape[2]),
            known=np.full(len(starts), KNOWN.index(stretch.known)),
            filler=starts + self.bars - 1 - last,
            first=stretch.first[starts],
            end=stretch.first[last] + stretch.count[last],
            meters=stretch.meters[starts],
        )

    def _end_notes(self, rows: np.ndarray) -> None:
        """End what sounds when `rows` begin: it started in music that was left out before them."""
        first = rows[0, 0]
        first[(self.firsts == FIRST_NOTE) & (first == HOLD)] = NOTE_OFF

    def _fill_up(self, rows: np.ndarray, silent_bars: int) -> np.ndarray:
        """The bars with silence behind them, in which no last note sounds on."""
        if not silent_bars:
            return rows
        silence = np.zeros((silent_bars, *rows.shape[1:]), dtype=rows.dtype)
        for stream in np.flatnonzero(self.firsts == FIRST_NOTE):
            silence[0, 0, stream] = NOTE_OFF if sounds_on(rows[..., stream]) else HOLD
        return np.concatenate([rows, silence])


def require_length(total_steps: int, longest_bars: int = LONGEST_BARS) -> None:
    """Raise `Rejected` "too-long" for what lasts longer than any music."""
    if total_steps > longest_bars * STEPS_PER_BAR:
        raise Rejected(
            "too-long",
            f"the file claims to last {total_steps // STEPS_PER_BAR:,} bars, and at most "
            f"{longest_bars:,} are read: a note of it is probably misplaced",
        )


def sounds_on(line: np.ndarray) -> bool:
    """Whether the last note of a line's events, of any shape, is still held at their end."""
    spoken = line[line > HOLD]
    return bool(len(spoken) and spoken[-1] >= FIRST_NOTE)


def _bar_rows(stretch: Stretch, events: np.ndarray, stride: int) -> np.ndarray:
    """The stretch's bars (B, L, C), zeros where a bar has no step of the source."""
    size, begin = stretch.steps_per_bar, int(stretch.first[0])
    rows = np.zeros((len(stretch), stride, events.shape[1]), dtype=events.dtype)
    whole = bool((stretch.count == size).all())
    if whole and int(stretch.first[-1]) == begin + (len(stretch) - 1) * size:
        rows[:, :size] = events[begin : begin + len(stretch) * size].reshape(len(rows), size, -1)
        return rows
    at = stretch.first[:, None] + np.arange(stride)
    inside = np.arange(stride) < stretch.count[:, None]
    rows[inside] = events[at[inside]]
    rows[0] = np.roll(rows[0], stretch.upbeat, axis=0)
    return rows


def _join(cuts: list[Cuts], none: np.ndarray) -> Cuts:
    """All cuts as one; `none` are the tokens of no windows at all."""
    empty = np.zeros(0, dtype=np.int64)
    return Cuts(
        tokens=np.concatenate([none, *(c.tokens for c in cuts)]),
        known=np.concatenate([empty, *(c.known for c in cuts)]),
        filler=np.concatenate([empty, *(c.filler for c in cuts)]),
        first=np.concatenate([empty, *(c.first for c in cuts)]),
        end=np.concatenate([empty, *(c.end for c in cuts)]),
        meters=np.concatenate([empty.astype(object), *(c.meters for c in cuts)]),
    )
