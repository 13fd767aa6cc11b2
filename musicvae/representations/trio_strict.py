"""The reference's extraction of trios (magenta's `TrioConverter`), window for window.

Its rules, as observed: the music is cut at every change of tempo or meter; only bars of sixteen
sixteenths count. The program of an instrument decides its part (0 to 31 melody, 32 to 39 bass, the
drum kits drums, the others none), and every melody goes with every bass and every drum kit. Each is
read as one line from the first bar to the last, without breaks. A bar counts where all three play
within two bars of it, and at both ends of the piece where any of them does; windows of bars that
all count begin at every bar, equal ones counted each time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from itertools import product

import numpy as np

from musicvae.notes.errors import Rejected
from musicvae.notes.quantize import STEPS_PER_QUARTER, quantize
from musicvae.notes.score import Score, StepScore, Track
from musicvae.notes.transform import split_at_time_changes, time_changes
from musicvae.representations.bar_windows import sounds_on
from musicvae.representations.base import Origin, Part
from musicvae.representations.drums_hits import read_hits
from musicvae.representations.drums_hits import to_tokens as hits_to_tokens
from musicvae.representations.melody_events import (
    HIGHEST_PITCH,
    LOWEST_PITCH,
    NOTE_OFF,
    STEPS_PER_BAR,
    Windows,
    count_dropped,
    to_events,
)

MELODY_PROGRAMS = range(32)
BASS_PROGRAMS = range(32, 40)  # General MIDI 1
GAP_BARS = 2  # a part may rest for twice as long
LONGEST_BARS = 1024  # the rest of a longer stretch is left out


@dataclass(frozen=True, eq=False, kw_only=True)
class _Stream:
    """One instrument from the first bar to the last."""

    tokens: np.ndarray  # (bars * 16,) uint16
    covered: np.ndarray  # (bars,) bool: plays within `GAP_BARS` of the bar
    part: Part


@dataclass(frozen=True, eq=False, kw_only=True)
class _Cut:
    """The windows of one melody, bass and drum kit; `origin` is that of their first bar."""

    tokens: np.ndarray  # (W, bars * 16, 3) uint16
    filler: np.ndarray  # (W,)
    bar: np.ndarray  # (W,) first bar of each window
    origin: Origin


@dataclass(frozen=True, kw_only=True)
class StrictTrio:
    """As the reference does it, for parity with published models: all three parts or nothing."""

    def extract(self, score: Score, *, bars: int, overlap: bool) -> Windows:
        """All windows of `bars` bars. Raises `Rejected` if there is no trio to begin with.

        With `overlap` they are the reference's, in its order. Without, the windows of every three
        instruments follow one another and the last one is filled up with silence.
        """
        if not len(score):
            raise Rejected("no-notes", "the file has no notes: nothing to read a trio from")
        _require_parts(score)
        dropped: dict[str, int] = {}
        found: list[_Cut] = []
        offsets = [0.0, *time_changes(score)]
        for offset, piece in zip(offsets, split_at_time_changes(score), strict=False):
            if len(piece):
                found += _cuts_of_piece(score, piece, offset, bars, overlap, dropped)
        none = np.zeros((0, bars * STEPS_PER_BAR, 3), dtype=np.uint16)
        tokens = np.concatenate([none, *(cut.tokens for cut in found)])
        return Windows(
            tokens=tokens,
            lengths=np.full((len(tokens), bars), STEPS_PER_BAR, dtype=np.uint16),
            filler=np.concatenate([np.zeros(0, np.int64), *(cut.filler for cut in found)]),
            origins=partial(_origins, found),
            dropped=dropped,
        )


def _kind(track: Track) -> int | None:
    """0 for a melody, 1 for a bass, 2 for drums."""
    if track.is_drum:
        return 2
    if track.program in MELODY_PROGRAMS:
        return 0
    return 1 if track.program in BASS_PROGRAMS else None


def _require_parts(score: Score) -> None:
    there = {_kind(score.tracks[t]) for t in np.unique(score.track).tolist()}
    names = ("melody (program 0 to 31)", "bass (program 32 to 39)", "drums")
    missing = [name for kind, name in enumerate(names) if kind not in there]
    if missing:
        raise Rejected("missing-part", f"the file has no {' and no '.join(missing)}")


def _cuts_of_piece(
    score: Score, piece: Score, offset: float, bars: int, overlap: bool, dropped: dict[str, int]
) -> list[_Cut]:
    """The windows of every trio in a stretch that begins `offset` seconds in."""
    try:
        steps = quantize(piece)
    except Rejected as rejection:
        count_dropped(dropped, rejection.reason)
        return []
    if steps.steps_per_bar != STEPS_PER_BAR:
        count_dropped(dropped, "unsupported-meter")
        return []
    streams = _streams(steps)
    if not all(streams):
        count_dropped(dropped, "missing-part")
        return []
    origin = Origin(
        start_step=round(float(score.quarters_at(offset)) * STEPS_PER_QUARTER),
        start_seconds=offset,
        qpm=steps.qpm,
        numerator=steps.meter.numerator,
        denominator=steps.meter.denominator,
    )
    found = []
    for three in product(*streams):
        cut = _cut(three, bars, overlap, origin)
        if not len(cut.bar):
            count_dropped(dropped, "not-together" if len(three[0].covered) >= bars else "too-short")
        found.append(cut)
    return found


def _streams(steps: StepScore) -> list[list[_Stream]]:
    """The melodies, the basses and the drum kits of a stretch, each in the order of its tracks."""
    bars = min(-(-steps.total_steps // STEPS_PER_BAR), LONGEST_BARS)
    covered = _coverage(steps, bars)
    streams: list[list[_Stream]] = [[], [], []]
    for track in np.unique(steps.track).tolist():
        kind = _kind(steps.tracks[track])
        if kind is None:
            continue
        rows = np.flatnonzero((steps.track == track) & (steps.velocity > 0))
        read = _read_hits if kind == 2 else _read_line
        tokens = read(steps, rows, bars * STEPS_PER_BAR)
        if tokens is not None:
            entry = steps.tracks[track]
            velocity = round(float(steps.velocity[rows].mean()))
            part = Part(program=entry.program, velocity=velocity, name=entry.name)
            streams[kind].append(_Stream(tokens=tokens, covered=covered[:, track], part=part))
    return streams


def _coverage(steps: StepScore, bars: int) -> np.ndarray:
    """Where each track plays, or does within `GAP_BARS`: (bars, tracks) bool."""
    begin = np.minimum(steps.start_step // STEPS_PER_BAR, bars)
    end = np.minimum(-(-steps.end_step // STEPS_PER_BAR), bars)
    change = np.zeros((bars + 1, len(steps.tracks)), dtype=np.int64)
    np.add.at(change, (begin, steps.track), 1)
    np.add.at(change, (end, steps.track), -1)
    playing = np.cumsum(np.cumsum(change, axis=0) > 0, axis=0)
    before = np.concatenate([np.zeros_like(playing[:1]), playing[:-1]])
    bar = np.arange(bars)
    covered: np.ndarray = (
        before[np.minimum(bar + GAP_BARS + 1, bars)] > before[np.maximum(bar - GAP_BARS, 0)]
    )
    return covered


def _read_line(steps: StepScore, rows: np.ndarray, total_steps: int) -> np.ndarray | None:
    """A line as the reference reads one: the highest note of a step, cut by the next."""
    pitch = steps.pitch[rows].astype(np.int64)
    fits = (pitch >= LOWEST_PITCH) & (pitch <= HIGHEST_PITCH)
    rows, pitch = rows[fits], pitch[fits]
    if not len(rows):
        return None
    order = np.lexsort((-pitch, steps.start_step[rows]))
    start, highest = np.unique(steps.start_step[rows][order], return_index=True)
    kept = order[highest]
    end = steps.end_step[rows][kept]
    cut = np.minimum(end, np.append(start[1:], end[-1]))
    return to_events(start, cut, pitch[kept], total_steps).astype(np.uint16)


def _read_hits(steps: StepScore, rows: np.ndarray, total_steps: int) -> np.ndarray | None:
    step, kind = read_hits(steps, rows)
    return hits_to_tokens(step, kind, total_steps) if len(step) else None


def _cut(three: tuple[_Stream, ...], bars: int, overlap: bool, origin: Origin) -> _Cut:
    events = np.stack([stream.tokens for stream in three], axis=-1)
    covered = np.stack([stream.covered for stream in three], axis=-1)
    together: np.ndarray = np.all(covered, axis=1)
    together[:GAP_BARS] = covered[:GAP_BARS].any()
    together[-GAP_BARS:] = covered[-GAP_BARS:].any()
    if overlap:
        before = np.concatenate([[0], np.cumsum(together)])
        at = np.flatnonzero(before[bars:] - before[:-bars] == bars)
        filler = np.zeros(len(at), dtype=np.int64)
        tokens = events[at[:, None] * STEPS_PER_BAR + np.arange(bars * STEPS_PER_BAR)]
    else:
        at, filler, tokens = _one_after_another(events, together, bars)
    parts = tuple(stream.part for stream in three)
    return _Cut(tokens=tokens, filler=filler, bar=at, origin=replace(origin, parts=parts))


def _one_after_another(
    events: np.ndarray, together: np.ndarray, bars: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """First bars, filler and tokens of windows that cover every run of bars that count."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], together, [0]])))
    at: list[int] = []
    filler: list[int] = []
    tokens = []
    for begin, end in edges.reshape(-1, 2).tolist():
        for first in range(begin, end, bars):
            last = min(first + bars, end)
            window = np.zeros((bars * STEPS_PER_BAR, events.shape[1]), dtype=events.dtype)
            rows = events[first * STEPS_PER_BAR : last * STEPS_PER_BAR]
            window[: len(rows)] = rows
            if len(rows) < len(window):
                window[len(rows), :2] = [NOTE_OFF * sounds_on(rows[:, k]) for k in (0, 1)]
            at.append(first)
            filler.append(first + bars - last)
            tokens.append(window)
    shape = (-1, bars * STEPS_PER_BAR, events.shape[1])
    flat = np.array(tokens, dtype=events.dtype).reshape(shape)
    return np.array(at, dtype=np.int64), np.array(filler, dtype=np.int64), flat


def _origins(cuts: list[_Cut]) -> tuple[Origin, ...]:
    return tuple(
        replace(
            cut.origin,
            start_step=cut.origin.start_step + step,
            start_seconds=cut.origin.start_seconds + step * 60 / cut.origin.qpm / STEPS_PER_QUARTER,
        )
        for cut in cuts
        for step in (cut.bar * STEPS_PER_BAR).tolist()
    )
