"""Windows of whole bars of hits: what is struck at each step of a score, laid out in its bars.

Letters: T steps of the source, B bars of a stretch, L slots of a bar, W windows of `bars` bars.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from musicvae.notes.score import Score
from musicvae.representations.melody_bars import Stretch, lay_out_bars
from musicvae.representations.meters import KNOWN, Meters, tell


@dataclass(frozen=True, eq=False, kw_only=True)
class _Cut:
    """The windows of one stretch."""

    masks: np.ndarray  # (W, bars * L) uint64
    filler: np.ndarray  # (W,) bars at the end that only fill the window up
    first: np.ndarray  # (W,) source step of the first step
    end: np.ndarray  # (W,) source step behind the last one
    meters: np.ndarray  # (W,) of Meter
    known: np.ndarray  # (W,) the place of the meter in `KNOWN`


@dataclass(frozen=True, eq=False, kw_only=True)
class HitWindows:
    """Windows in columns, where they lie in the source, and what was left out."""

    masks: np.ndarray  # (W, bars * L) uint64
    lengths: np.ndarray  # (W, bars) uint16
    controls: np.ndarray | None  # (W, bars * L) uint8, the meter's class at every valid step
    filler: np.ndarray  # (W,) int64
    first: np.ndarray  # (W,) int64
    end: np.ndarray  # (W,) int64
    meters: np.ndarray  # (W,) of Meter
    dropped: dict[str, int]
    remarks: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Cutter:
    meters: Meters
    bars: int
    overlap: bool
    dropped: dict[str, int] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    def count(self, reason: str, windows: int) -> None:
        if windows:
            self.dropped[reason] = self.dropped.get(reason, 0) + windows


def cut_windows(
    score: Score, masks: np.ndarray, *, meters: Meters, bars: int, overlap: bool
) -> HitWindows:
    """Cut `masks` (T,), of which a bit stands for a drum, at the bar lines of `score`.

    With `overlap` windows begin at every bar, and only full ones with a hit are kept, equal ones
    once. Without, they follow one another and the last is filled up with silence.
    """
    cutter = _Cutter(meters, bars, overlap)
    cuts = [_none(bars * meters.stride)]
    for part in lay_out_bars(score, len(masks), meters):
        if isinstance(part, Stretch):
            cuts.append(_cut(cutter, part, masks))
        else:
            cutter.count("unsupported-meter", part.bars if overlap else -(-part.bars // bars))
            cutter.remarks.append(part.remark(meters))
    cut = _join(cuts)
    if overlap:
        cut = _keep_distinct(cutter, cut)
    sizes = np.array([known.steps for known in KNOWN], dtype=np.uint16)[cut.known]
    lengths = sizes.repeat(bars).reshape(-1, bars)
    return HitWindows(
        masks=cut.masks,
        lengths=lengths,
        controls=tell(meters, cut.known, lengths),
        filler=cut.filler,
        first=cut.first,
        end=cut.end,
        meters=cut.meters,
        dropped=cutter.dropped,
        remarks=tuple(cutter.remarks),
    )


def _cut(cutter: _Cutter, stretch: Stretch, masks: np.ndarray) -> _Cut:
    """Every window of a stretch."""
    cutter.remarks.extend(said for said in stretch.remarks if said not in cutter.remarks)
    short = int((stretch.count < stretch.steps_per_bar).sum())
    if short:
        cutter.remarks.append(f"bars cut short by a change of meter and filled up: {short}")
    rows, bars = _bar_rows(stretch, masks, cutter.meters.stride), cutter.bars
    if cutter.overlap:
        starts = np.arange(len(rows) - bars + 1)
        cutter.count("too-short", int(not len(starts)))
    else:
        starts = np.arange(0, len(rows), bars)
        rows = np.pad(rows, ((0, -len(rows) % bars), (0, 0)))
    last = np.minimum(starts + bars, len(stretch)) - 1
    return _Cut(
        masks=rows[starts[:, None] + np.arange(bars)].reshape(len(starts), rows.shape[1] * bars),
        filler=starts + bars - 1 - last,
        first=stretch.first[starts],
        end=stretch.first[last] + stretch.count[last],
        meters=stretch.meters[starts],
        known=np.full(len(starts), KNOWN.index(stretch.known)),
    )


def _bar_rows(stretch: Stretch, masks: np.ndarray, stride: int) -> np.ndarray:
    """The stretch's bars (B, L), 0 where a bar has no step of the source."""
    lead = np.zeros((len(stretch), 1), dtype=np.int64)
    lead[0] = stretch.upbeat
    slot = np.arange(stride) - lead
    there = (slot >= 0) & (slot < stretch.count[:, None])
    at = stretch.first[:, None] + slot
    there &= at < len(masks)
    return np.where(there, masks[np.where(there, at, 0)], np.uint64(0))


def _keep_distinct(cutter: _Cutter, cut: _Cut) -> _Cut:
    """The windows with a hit, equal ones only once."""
    sounds = np.flatnonzero(cut.masks.any(axis=1))
    cutter.count("silent", len(cut.masks) - len(sounds))
    width, raw, known = cut.masks[:1].nbytes, cut.masks.tobytes(), cut.known.tolist()
    first: dict[tuple[bytes, int], int] = {}
    for i in sounds.tolist():
        first.setdefault((raw[i * width : (i + 1) * width], known[i]), i)
    cutter.count("duplicate", len(sounds) - len(first))
    kept = np.fromiter(first.values(), dtype=np.int64)
    return _Cut(**{name: column[kept] for name, column in vars(cut).items()})


def _join(cuts: list[_Cut]) -> _Cut:
    if len(cuts) == 2:  # the empty one and one more: most music
        return cuts[1]
    return _Cut(**{name: np.concatenate([vars(c)[name] for c in cuts]) for name in vars(cuts[0])})


def _none(width: int) -> _Cut:
    none = np.zeros(0, dtype=np.int64)
    masks = np.zeros((0, width), dtype=np.uint64)
    return _Cut(
        masks=masks, filler=none, first=none, end=none, meters=none.astype(object), known=none
    )
