"""The melody of any score, as a musician would read it: the default way in.

One track is taken (`melody_choice`), its highest voice is put on the grid of its own beats, notes
beyond the piano are moved by octaves, and the one line of events that results is laid out in bars
(`melody_bars`) and cut into windows (`bar_windows`), beside the chords where a model is told them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from musicvae.notes.quantize import STEPS_PER_QUARTER
from musicvae.notes.score import Score
from musicvae.representations.bar_windows import BarCutter, Cuts, require_length
from musicvae.representations.base import Origin
from musicvae.representations.chord_controls import ChordControls, Told, tell_score
from musicvae.representations.clock import origins_at
from musicvae.representations.melody_choice import choose_track
from musicvae.representations.melody_events import (
    FIRST_NOTE,
    Windows,
    to_events,
)
from musicvae.representations.melody_line import Line, read_line
from musicvae.representations.meters import Meters, tell

_NEVER = np.iinfo(np.int32).max  # a chord begins no note


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
        require_length(total)
        events = to_events(line.start, line.end, line.pitch, total + meters.stride)
        streams, firsts, told = events[:, None], [FIRST_NOTE], None
        if chords is not None:
            told = tell_score(chords, score, len(events), remarks).merged()
            streams, firsts = np.stack([events, told.codes], axis=1), [FIRST_NOTE, _NEVER]
        cutter = BarCutter(
            meters=meters,
            bars=bars,
            overlap=overlap,
            firsts=np.array(firsts),
            dropped={},
            remarks=remarks,
        )
        cuts = cutter.cut(score, streams, total)
        lengths = cuts.lengths(bars)
        return Windows(
            tokens=cuts.tokens[:, :, 0].astype(np.uint8, copy=False),
            lengths=lengths,
            controls=_controls(told, meters, cuts, lengths),
            filler=cuts.filler,
            origins=partial(_origins, score, choice.track, line, cuts),
            dropped=cutter.dropped,
            remarks=tuple(remarks),
        )


def _origins(score: Score, track: int, line: Line, cuts: Cuts) -> tuple[Origin, ...]:
    """Where each window came from; its velocity is the mean of the notes that start in it."""
    entry = score.tracks[track]
    whence = origins_at(score, cuts.first / STEPS_PER_QUARTER, cuts.meters)
    return tuple(
        replace(origin, program=entry.program, velocity=velocity, name=entry.name)
        for origin, velocity in zip(whence, cuts.loudness(line.start, line.velocity), strict=True)
    )


def _controls(
    told: Told | None, meters: Meters, cuts: Cuts, lengths: np.ndarray
) -> np.ndarray | None:
    """The chords at every valid step, or else the meters, or nothing."""
    if told is None:
        return tell(meters, cuts.known, lengths)
    valid = np.arange(meters.stride) < lengths[:, :, None]
    codes = cuts.tokens[:, :, 1]
    return told.at(codes, valid.reshape(codes.shape))
