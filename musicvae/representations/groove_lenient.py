"""The groove of any drum track, as a drummer would read it: the default way in.

Every stroke of the drum tracks is put on the nearest sixteenth of the beats of the score, whatever
its tempo does, and keeps how far beside it is played. A groove is made of bars of 4/4; music in
other meters is left out and named.

Letters: N notes, B bars of a stretch, W windows of `bars` bars.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from musicvae.notes.errors import Rejected
from musicvae.notes.quantize import STEPS_PER_QUARTER, quarters_to_steps
from musicvae.notes.score import Score
from musicvae.representations.bar_windows import require_length
from musicvae.representations.base import Origin
from musicvae.representations.clock import origins_at
from musicvae.representations.drums_choice import choose_drums
from musicvae.representations.groove_strokes import (
    DRUMS,
    GeneralMidiKit,
    GrooveWindows,
    Kit,
    RolandKit,
    cut_windows,
    to_strokes,
)
from musicvae.representations.melody_bars import Stretch, Unsupported, lay_out_bars
from musicvae.representations.melody_events import STEPS_PER_BAR, count_dropped
from musicvae.representations.meters import FOUR_FOUR, Meters

# Five hours. What claims to be longer is a broken file.
LONGEST_BARS = 10_000

# The edge of the hi-hat, closed and open, on Roland's electronic kits. General MIDI has no such
# notes.
HI_HAT_EDGES = (22, 26)


@dataclass(frozen=True, eq=False, kw_only=True)
class Played:
    """The notes of the drums, on the grid of the beats."""

    rows: np.ndarray  # (N,) int64, in the columns of the score
    step: np.ndarray  # (N,) int64, from the start of the score
    late: np.ndarray  # (N,) float64, behind the grid, in steps
    drum: np.ndarray  # (N,) int64
    velocity: np.ndarray  # (N,) uint8
    track: int  # where most of them are


@dataclass(frozen=True, eq=False, kw_only=True)
class _Cuts:
    """Windows, and where they lie in the source."""

    tokens: np.ndarray  # (W, bars * 16, 27) float32
    filler: np.ndarray  # (W,) int64
    first: np.ndarray  # (W,) int64, source step of the first step
    meters: np.ndarray  # (W,) of Meter


@dataclass(frozen=True, kw_only=True)
class LenientGroove:
    """Take `track` (an index, a name or a part of one), or by default all drum kits, merged.

    `kit` says what its pitches are; by default they tell it themselves.
    """

    track: int | str | None = None
    kit: Kit | None = None

    def extract(self, score: Score, *, meters: Meters, bars: int, overlap: bool) -> GrooveWindows:
        """All windows of `bars` bars. Raises `Rejected` if there is nothing to begin with.

        With `overlap` windows begin at every bar, and only full ones in which something is struck
        are kept, equal ones once. Without, they follow one another and the last one is filled up.
        """
        remarks: list[str] = []
        strokes = self.read_played(score, remarks)
        total = int(strokes.step.max()) + 1
        require_length(total, LONGEST_BARS)
        dropped: dict[str, int] = {}
        found: list[_Cuts] = []
        for part in lay_out_bars(score, total, meters):
            if isinstance(part, Unsupported) or part.known != FOUR_FOUR:
                _leave_out(part, bars, overlap, dropped, remarks)
            else:
                found.append(_cut(part, strokes, bars, overlap, dropped, remarks))
        cuts = _join(found, bars)
        if overlap:
            cuts = _keep_distinct(cuts, dropped)
        return GrooveWindows(
            tokens=cuts.tokens,
            filler=cuts.filler,
            origins=partial(_origins, score, strokes.track, cuts),
            dropped=dropped,
            remarks=tuple(remarks),
        )

    def read_played(self, score: Score, remarks: list[str]) -> Played:
        """The strokes of all drum tracks; says in `remarks` what was left out."""
        choice = choose_drums(score, self.track)
        remarks.append(choice.reason)
        taken = np.zeros(len(score.tracks), dtype=bool)
        taken[list(choice.tracks)] = True
        rows = np.flatnonzero(taken[score.track] & (score.velocity > 0))
        pitch = score.pitch[rows]
        kit = self.kit or _guess_kit(pitch, remarks)
        drum = kit.classes[pitch]
        known = drum >= 0
        if not known.all():
            foreign = np.unique(pitch[~known]).tolist()
            remarks.append(
                f"{int((~known).sum())} of {len(rows)} drum notes left out, whose pitch is no drum "
                f"of the kit: {', '.join(map(str, foreign))}"
            )
            rows, drum = rows[known], drum[known]
            if not len(rows):
                raise Rejected(
                    "unknown-drums",
                    f"no note of the drum track is a drum of the kit; its pitches are {foreign}",
                )
        at = score.quarters_at(score.start[rows])
        step = np.maximum(quarters_to_steps(at, STEPS_PER_QUARTER), 0)
        return Played(
            rows=rows,
            step=step,
            late=np.clip(at * STEPS_PER_QUARTER - step, -0.5, 0.5),
            drum=drum,
            velocity=score.velocity[rows],
            track=int(np.bincount(score.track[rows]).argmax()),
        )


def _guess_kit(pitch: np.ndarray, remarks: list[str]) -> Kit:
    """Roland's, if its notes for the edge of the hi-hat are used and only notes that it has."""
    roland = RolandKit()
    edges = (pitch == HI_HAT_EDGES[0]) | (pitch == HI_HAT_EDGES[1])
    if edges.any() and (roland.classes[pitch] >= 0).all():
        remarks.append(
            "the pitches are read as those of a Roland electronic kit, which alone has 22 and 26"
        )
        return roland
    return GeneralMidiKit()


def _leave_out(
    part: Stretch | Unsupported,
    bars: int,
    overlap: bool,
    dropped: dict[str, int],
    remarks: list[str],
) -> None:
    if isinstance(part, Unsupported):
        meters, count = [part.meter], part.bars
    else:
        meters, count = part.meters.tolist(), len(part)
    names = ", ".join(dict.fromkeys(map(str, meters)))
    count_dropped(dropped, "unsupported-meter", count if overlap else -(-count // bars))
    remarks.append(
        f"bars in {names} left out: {count}; a groove is read in bars of 4/4 (--force reads all "
        "bars in 4/4)"
    )


def _cut(
    stretch: Stretch,
    strokes: Played,
    bars: int,
    overlap: bool,
    dropped: dict[str, int],
    remarks: list[str],
) -> _Cuts:
    """Every window of a stretch."""
    inside = strokes.step >= stretch.first[0]
    inside &= strokes.step < stretch.first[-1] + stretch.count[-1]
    step = strokes.step[inside]
    bar = np.searchsorted(stretch.first, step, side="right") - 1
    place = bar * STEPS_PER_BAR + step - stretch.first[bar] + stretch.upbeat * (bar == 0)
    rows = to_strokes(
        place,
        strokes.late[inside],
        strokes.drum[inside],
        strokes.velocity[inside],
        len(stretch) * STEPS_PER_BAR,
    )
    remarks += [said for said in stretch.remarks if said not in remarks]
    cut_short = int((stretch.count < STEPS_PER_BAR).sum())
    if cut_short:
        remarks.append(f"bars cut short by a change of meter and filled up: {cut_short}")
    first, tokens = cut_windows(rows, bars, hop=1 if overlap else bars, fill=not overlap)
    count_dropped(dropped, "too-short", 0 if len(first) else 1)
    return _Cuts(
        tokens=tokens,
        filler=np.maximum(first + bars - len(stretch), 0),
        first=stretch.first[first],
        meters=stretch.meters[first],
    )


def _keep_distinct(cuts: _Cuts, dropped: dict[str, int]) -> _Cuts:
    """The windows in which something is struck, equal ones only once."""
    first: dict[bytes, int] = {}
    sounding = np.flatnonzero(cuts.tokens.any(axis=(1, 2))).tolist()
    for i in sounding:
        first.setdefault(cuts.tokens[i].tobytes(), i)
    count_dropped(dropped, "silent", len(cuts.tokens) - len(sounding))
    count_dropped(dropped, "duplicate", len(sounding) - len(first))
    rows = np.array(list(first.values()), dtype=np.int64)
    return _Cuts(
        tokens=cuts.tokens[rows],
        filler=cuts.filler[rows],
        first=cuts.first[rows],
        meters=cuts.meters[rows],
    )


def _origins(score: Score, track: int, cuts: _Cuts) -> tuple[Origin, ...]:
    entry = score.tracks[track]
    whence = origins_at(score, cuts.first / STEPS_PER_QUARTER, cuts.meters)
    return tuple(replace(origin, program=entry.program, name=entry.name) for origin in whence)


def _join(cuts: list[_Cuts], bars: int) -> _Cuts:
    if len(cuts) == 1:
        return cuts[0]
    none = np.zeros(0, dtype=np.int64)
    shape = (0, bars * STEPS_PER_BAR, 3 * DRUMS)
    return _Cuts(
        tokens=np.concatenate([np.zeros(shape, dtype=np.float32), *(c.tokens for c in cuts)]),
        filler=np.concatenate([none, *(c.filler for c in cuts)]),
        first=np.concatenate([none, *(c.first for c in cuts)]),
        meters=np.concatenate([none.astype(object), *(c.meters for c in cuts)]),
    )
