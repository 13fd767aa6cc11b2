"""The reference's extraction of drums (magenta's `DrumsConverter`), window for window.

Its rules, as observed: the music is cut at every change of tempo or meter; only bars of sixteen
sixteenths count; all drum instruments are one; hits of velocity 0 or of a pitch without a class are
left out; a bar of silence behind the step of the last hit ends a track, and the next begins with
the bar of the next hit. Windows of a track begin at every bar, silent ones among them, and equal
windows of one stretch count once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from musicvae.notes.errors import Rejected
from musicvae.notes.quantize import STEPS_PER_QUARTER, quantize
from musicvae.notes.score import Meter, Score
from musicvae.notes.transform import split_at_time_changes, time_changes
from musicvae.representations.base import Origin
from musicvae.representations.drums_choice import no_drums
from musicvae.representations.drums_hits import read_hits, to_masks
from musicvae.representations.drums_kit import Kit
from musicvae.representations.melody_events import STEPS_PER_BAR, Windows, count_dropped

GAP_STEPS = STEPS_PER_BAR  # so much silence ends a track
LONGEST_TRACK_BARS = 100  # the rest of a longer track is left out


@dataclass(frozen=True, eq=False, kw_only=True)
class _Cut:
    """The windows of one track. `offset` is where its stretch begins in the score, in seconds."""

    masks: np.ndarray  # (W, bars * 16) uint64
    filler: np.ndarray  # (W,) int64, silent bars with which a window is filled up
    step: np.ndarray  # (W,) from the start of the stretch
    velocity: int
    qpm: float
    meter: Meter
    offset: float


@dataclass(frozen=True, kw_only=True)
class StrictDrums:
    """As the reference does it, for parity with published models."""

    def extract(self, score: Score, kit: Kit, *, bars: int, overlap: bool) -> Windows:
        """All windows of `bars` bars. Raises `Rejected` if there is no drum to begin with.

        With `overlap` they are the reference's, in the order of their first occurrence. Without,
        the windows of a track follow one another and the last one is filled up with silence.
        """
        if not any(score.tracks[t].is_drum for t in np.unique(score.track)):
            raise no_drums(score)
        found: list[_Cut] = []
        dropped: dict[str, int] = {}
        offsets = [0.0, *time_changes(score)]
        for offset, piece in zip(offsets, split_at_time_changes(score), strict=False):
            if len(piece):
                found += _cuts_of_piece(piece, kit, offset, bars, overlap, dropped)
        if not found and not dropped:
            raise Rejected("no-drums", "no hit of the drums has a pitch that the kit knows")
        none = np.zeros((0, bars * STEPS_PER_BAR), dtype=np.uint64)
        masks = np.concatenate([none, *(cut.masks for cut in found)])
        return Windows(
            tokens=kit.to_tokens(masks),
            lengths=np.full((len(masks), bars), STEPS_PER_BAR, dtype=np.uint16),
            filler=np.concatenate([np.zeros(0, np.int64), *(cut.filler for cut in found)]),
            origins=partial(_origins, score, found),
            dropped=dropped,
        )


def _cuts_of_piece(
    piece: Score, kit: Kit, offset: float, bars: int, overlap: bool, dropped: dict[str, int]
) -> list[_Cut]:
    """The windows of every drum track in a stretch that begins `offset` seconds in."""
    try:
        steps = quantize(piece)
    except Rejected as rejection:
        count_dropped(dropped, rejection.reason)
        return []
    if steps.steps_per_bar != STEPS_PER_BAR:
        count_dropped(dropped, "unsupported-meter")
        return []
    rows = np.array([t.is_drum for t in steps.tracks])[steps.track]
    rows &= (kit.classes[steps.pitch] >= 0) & (steps.velocity > 0)
    step, kind = read_hits(steps, rows, kit.classes)
    order = np.argsort(step, kind="stable")
    step, kind, velocity = step[order], kind[order], steps.velocity[rows][order]
    breaks = np.flatnonzero(step[1:] - (step[:-1] + 1) >= GAP_STEPS) + 1
    found: list[_Cut] = []
    seen: set[bytes] = set()
    for a, b in zip([0, *breaks], [*breaks, len(step)], strict=True):
        if a == b:
            continue
        bar = int(step[a]) // STEPS_PER_BAR * STEPS_PER_BAR
        length = -(-(int(step[b - 1]) + 1 - bar) // STEPS_PER_BAR) * STEPS_PER_BAR
        masks = to_masks(step[a:b] - bar, kind[a:b], length)
        at, windows = _slide(masks[: LONGEST_TRACK_BARS * STEPS_PER_BAR], bars, overlap)
        missing = np.maximum(at + bars * STEPS_PER_BAR - length, 0)
        if not len(at):
            count_dropped(dropped, "too-short")
        if overlap:
            new = _unseen(windows, seen)
            count_dropped(dropped, "duplicate", len(at) - len(new))
            at, windows, missing = at[new], windows[new], missing[new]
        found.append(
            _Cut(
                masks=windows,
                filler=missing // STEPS_PER_BAR,
                step=bar + at,
                velocity=round(float(velocity[a:b].mean())),
                qpm=steps.qpm,
                meter=steps.meter,
                offset=offset,
            )
        )
    return found


def _slide(masks: np.ndarray, bars: int, overlap: bool) -> tuple[np.ndarray, np.ndarray]:
    """Where each window starts in the track (W,), and its masks (W, bars * 16)."""
    size = bars * STEPS_PER_BAR
    if not overlap:
        masks = np.concatenate([masks, np.zeros(-len(masks) % size, dtype=masks.dtype)])
    at = np.arange(0, len(masks) - size + 1, STEPS_PER_BAR if overlap else size)
    return at, masks[at[:, None] + np.arange(size)]


def _unseen(masks: np.ndarray, seen: set[bytes]) -> list[int]:
    """The rows that are new; `seen` learns them."""
    new = []
    for i, row in enumerate(masks):
        raw = row.tobytes()
        if raw not in seen:
            seen.add(raw)
            new.append(i)
    return new


def _origins(score: Score, cuts: list[_Cut]) -> tuple[Origin, ...]:
    origins = []
    for cut in cuts:
        offset_steps = round(float(score.quarters_at(cut.offset)) * STEPS_PER_QUARTER)
        origins += [
            Origin(
                start_step=offset_steps + step,
                start_seconds=cut.offset + step * 60 / cut.qpm / STEPS_PER_QUARTER,
                qpm=cut.qpm,
                numerator=cut.meter.numerator,
                denominator=cut.meter.denominator,
                velocity=cut.velocity,
            )
            for step in cut.step.tolist()
        ]
    return tuple(origins)
